// Rows of settings: add, remove (with undo), move. The form carries rows in the order of the page.
// A long table (data-part) has only a window of its rows here: the form carries what was changed, and nothing else.
"use strict";
(() => {
  // A form that is shown again has rows that an earlier page has made.
  const taken = [...document.querySelectorAll("input[name^='row:']")].map((mark) => Number(/^n(\d+)$/.exec(mark.value)?.[1] || 0));
  let made = Math.max(0, ...taken);

  const own = (container, selector) => [...container.querySelectorAll(selector)].filter((e) => e.closest("[data-rows]") === container);
  const bodyOf = (container) => own(container, "[data-body]")[0];
  const rowsOf = (container) => [...(bodyOf(container)?.children || [])].filter((row) => row.matches("[data-row]") && !row.hidden);
  const markOf = (row) => [...row.querySelectorAll("input[type=hidden][name^='row:']")].find((mark) => mark.closest("[data-row]") === row);
  const nameOf = (row) => row.dataset.folded || markOf(row).value;
  const inPart = (container) => container.hasAttribute("data-part");

  function refresh(container) {
    const rows = rowsOf(container);
    const none = own(container, "[data-none]")[0];
    const count = own(container, "[data-row-count]")[0];
    rows.forEach((row, index) => {
      const tools = [...row.querySelectorAll("[data-up], [data-down]")].filter((b) => b.closest("[data-row]") === row);
      tools.forEach((button) => { button.disabled = button.hasAttribute("data-up") ? index === 0 : index === rows.length - 1; });
    });
    if (inPart(container)) return;
    if (none) none.hidden = rows.length > 0;
    if (count) count.textContent = rows.length ? String(rows.length) : "";
  }

  function changed(form) {
    const note = form.querySelector("[data-unsaved]");
    if (note) note.hidden = false;
    form.dataset.changed = "yes";
  }

  // The row, and every row around it, is among what the form carries.
  function touch(element) {
    for (let row = element.closest("[data-row]"); row; row = row.parentElement.closest("[data-row]")) row.dataset.changed = "yes";
  }

  // Where the first row that matches decides, nothing behind the one that matches everything is ever reached.
  function takesAll(container, row) {
    const name = container.dataset.firstMatch;
    const field = name && [...row.querySelectorAll("input, textarea")].find((f) => f.name.endsWith(`.${name}`) && f.closest("[data-row]") === row);
    return Boolean(field) && field.value.split(/\s+/).some((word) => word.toUpperCase() === "ALL");
  }

  function insert(container, html) {
    const ident = `n${++made}`;
    const holder = document.createElement(container.querySelector("template[data-blank]").content.firstElementChild.tagName === "TR" ? "tbody" : "div");
    holder.innerHTML = html.replaceAll(`__${container.dataset.depth}__`, ident);
    const row = holder.firstElementChild;
    const body = bodyOf(container) || own(container, "[data-held]")[0];
    body.insertBefore(row, rowsOf(container).find((other) => other.parentElement === body && takesAll(container, other)) || null);
    row.querySelectorAll("[data-rows]").forEach(refresh);
    settle(container, row);
    window.htmx.process(row);
    return row;
  }

  function add(container, quietly) {
    const row = insert(container, own(container, "template[data-blank]")[0].innerHTML);
    const first = row.querySelector("td:not(.place) input:not([type=hidden]), .part-fields input:not([type=hidden]), select, textarea");
    if (first && !quietly) first.focus();
    return row;
  }

  // A row that is new or was moved says behind which one it stands, as long as the window shows all in their order.
  function settle(container, row) {
    refresh(container);
    touch(row);
    if (!inPart(container)) return;
    const mark = markOf(row);
    const rows = rowsOf(container);
    const place = rows.indexOf(row);
    const before = place > 0 ? nameOf(rows[place - 1]) : bodyOf(container)?.dataset.before;
    let after = mark.parentElement.querySelector(":scope > [data-after]");
    if (bodyOf(container)?.dataset.before === undefined || before === undefined) { after?.remove(); return; }
    if (!after) {
      after = document.createElement("input");
      after.type = "hidden";
      after.dataset.after = "yes";
      after.name = `after:${mark.name.slice(4)}.${mark.value}`;
      mark.after(after);
    }
    after.value = before;
  }

  function goneOf(container) { return own(container, "[data-gone]")[0]; }

  function tellGone(container) {
    const note = own(container, "[data-gone-note]")[0];
    if (!note) return;
    const count = goneOf(container).children.length;
    note.hidden = count === 0;
    note.querySelector("[data-gone-count]").textContent = String(count);
  }

  function remember(container, row) {
    const name = nameOf(row);
    if (!inPart(container) || name.startsWith("n")) return null;
    const gone = document.createElement("input");
    gone.type = "hidden";
    gone.name = `gone:${container.dataset.rows}`;
    gone.value = name;
    goneOf(container).append(gone);
    tellGone(container);
    touch(container);
    return gone;
  }

  function remove(container, row) {
    const button = document.createElement("button");
    const neighbour = row.nextElementSibling || row.previousElementSibling;
    const gone = remember(container, row);
    row.hidden = true;
    row.querySelectorAll("input, select, textarea").forEach((field) => {
      if (!field.disabled) { field.disabled = true; field.dataset.gone = "yes"; }
    });
    button.type = "button";
    button.className = "button small";
    button.textContent = document.body.dataset.wordsUndo || "Undo";
    button.addEventListener("click", () => {
      row.hidden = false;
      row.querySelectorAll("[data-gone=yes]").forEach((field) => { field.disabled = false; delete field.dataset.gone; });
      if (gone) { gone.remove(); tellGone(container); }
      button.remove();
      refresh(container);
    });
    own(container, "[data-undo]").forEach((old) => old.remove());
    button.dataset.undo = "yes";
    own(container, "[data-add]")[0].after(button);
    refresh(container);
    const next = neighbour && neighbour.querySelector("[data-remove]");
    (next || button).focus();
  }

  function move(container, row, down) {
    const rows = rowsOf(container);
    const index = rows.indexOf(row);
    const other = rows[index + (down ? 1 : -1)];
    if (!other || index < 0) return;
    if (down) other.after(row); else other.before(row);
    settle(container, row);
    refresh(container);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add], [data-remove], [data-up], [data-down]");
    if (!button) return;
    const container = button.closest("[data-rows]");
    const row = button.closest("[data-row]");
    event.preventDefault();
    if (button.hasAttribute("data-add")) add(container);
    else if (button.hasAttribute("data-remove")) remove(row.closest("[data-rows]"), row);
    else { move(row.closest("[data-rows]"), row, button.hasAttribute("data-down")); button.focus(); }
    touch(container);
    changed(button.closest("form"));
  });

  window.gatefold.rows = { add, insert, takesAll, remove, move, own, bodyOf, rowsOf, markOf, nameOf, inPart, refresh, changed, touch, settle, goneOf, tellGone };
  document.querySelectorAll("[data-rows]").forEach(refresh);
  document.querySelectorAll("[data-settings-form]").forEach((form) => {
    form.addEventListener("input", (event) => {
      if (event.target.closest("[data-window-tool], [data-table-filter]")) return;
      changed(form);
      touch(event.target);
      const row = event.target.closest("details[data-row]");
      const title = row && row.querySelector("[data-title]");
      if (title && event.target === row.querySelector(".part-fields input.input")) title.textContent = event.target.value || "…";
    });
    form.addEventListener("submit", () => { delete form.dataset.changed; });
    // Of long tables only the rows that somebody touched are sent.
    form.addEventListener("formdata", (event) => {
      const idle = [...form.querySelectorAll("[data-part] [data-row]:not([data-changed])")].filter((row) => inPart(row.closest("[data-rows]")) && markOf(row));
      if (!idle.length) return;
      const names = new Set();
      const marks = new Set();
      idle.forEach((row) => {
        row.querySelectorAll("[name]").forEach((field) => names.add(field.name));
        marks.add(`${markOf(row).name} ${markOf(row).value}`);
      });
      [...new Set([...idle].map((row) => markOf(row).name))].forEach((name) => {
        const kept = event.formData.getAll(name).filter((value) => !marks.has(`${name} ${value}`));
        names.delete(name);
        event.formData.delete(name);
        kept.forEach((value) => event.formData.append(name, value));
      });
      names.forEach((name) => event.formData.delete(name));
    });
    // Enter in a field must not press the first button of a row.
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input.input:not([data-window-tool])")) { event.preventDefault(); form.requestSubmit(); }
    });
  });
  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-changed]")) event.preventDefault();
  });

  // A name that stands elsewhere in the same part, such as the mail flow policies of a HAT: offer what is there.
  let lists = 0;
  document.addEventListener("focusin", (event) => {
    const field = event.target.closest("[data-among]");
    if (!field) return;
    const [table, name] = field.dataset.among.split(".");
    const prefix = `${field.name.split(".").slice(0, -3).join(".")}.${table}.`;
    let list = field.list;
    if (!list) {
      list = document.createElement("datalist");
      list.id = `among-${++lists}`;
      field.after(list);
      field.setAttribute("list", list.id);
    }
    const known = [...document.querySelectorAll(`input[name^="${prefix}"][name$=".${name}"]`)].filter((i) => !i.disabled && i.value).map((input) => input.value);
    // Folded rows tell their name alone.
    const part = document.querySelector(`[data-rows="${prefix.slice(0, -1)}"]`);
    const folded = part ? own(part, "[data-folded]").map((row) => row.querySelector("[data-title]").textContent) : [];
    list.replaceChildren(...[...known, ...folded].map((value) => new Option(value, value)));
  });

  // Override Settings: the copy of another mode is the radio button's value.
  document.querySelectorAll("[data-start-select]").forEach((select) => {
    const radio = document.querySelector("[data-start-other]");
    select.addEventListener("change", () => { radio.value = select.value; radio.checked = true; });
  });
})();
