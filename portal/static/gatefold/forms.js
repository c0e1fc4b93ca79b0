// Rows of settings: add, remove (with undo), move. The form carries rows in the order of the page.
"use strict";
(() => {
  let made = 0;

  const own = (container, selector) => [...container.querySelectorAll(selector)].filter((e) => e.closest("[data-rows]") === container);
  const bodyOf = (container) => own(container, "[data-body]")[0];
  const rowsOf = (container) => [...bodyOf(container).children].filter((row) => row.matches("[data-row]") && !row.hidden);

  function refresh(container) {
    const rows = rowsOf(container);
    const none = own(container, "[data-none]")[0];
    const count = own(container, "[data-row-count]")[0];
    if (none) none.hidden = rows.length > 0;
    if (count) count.textContent = rows.length ? String(rows.length) : "";
    rows.forEach((row, index) => {
      const tools = [...row.querySelectorAll("[data-up], [data-down]")].filter((b) => b.closest("[data-row]") === row);
      tools.forEach((button) => { button.disabled = button.hasAttribute("data-up") ? index === 0 : index === rows.length - 1; });
    });
  }

  function changed(form) {
    const note = form.querySelector("[data-unsaved]");
    if (note) note.hidden = false;
    form.dataset.changed = "yes";
  }

  // Where the first row that matches decides, nothing behind the one that matches everything is ever reached.
  function takesAll(container, row) {
    const name = container.dataset.firstMatch;
    const field = name && [...row.querySelectorAll("input, textarea")].find((f) => f.name.endsWith(`.${name}`) && f.closest("[data-row]") === row);
    return Boolean(field) && field.value.split(/\s+/).some((word) => word.toUpperCase() === "ALL");
  }

  function add(container, quietly) {
    const blank = own(container, "template[data-blank]")[0];
    const ident = `n${++made}`;
    const holder = document.createElement(bodyOf(container).tagName === "TBODY" ? "tbody" : "div");
    holder.innerHTML = blank.innerHTML.replaceAll(`__${container.dataset.depth}__`, ident);
    const row = holder.firstElementChild;
    bodyOf(container).insertBefore(row, rowsOf(container).find((other) => takesAll(container, other)) || null);
    row.querySelectorAll("[data-rows]").forEach(refresh);
    refresh(container);
    const first = row.querySelector("input:not([type=hidden]), select, textarea");
    if (first && !quietly) first.focus();
    return row;
  }

  function remove(container, row) {
    const button = document.createElement("button");
    const neighbour = row.nextElementSibling || row.previousElementSibling;
    row.hidden = true;
    row.querySelectorAll("input, select, textarea").forEach((field) => {
      if (!field.disabled) { field.disabled = true; field.dataset.gone = "yes"; }
    });
    button.type = "button";
    button.className = "button small";
    button.textContent = document.body.dataset.wordsUndo || "Undo";
    button.addEventListener("click", () => {
      row.hidden = false;
      row.querySelectorAll("[data-gone]").forEach((field) => { field.disabled = false; delete field.dataset.gone; });
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
    if (!other) return;
    if (down) other.after(row); else other.before(row);
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
    changed(button.closest("form"));
  });

  window.gatefold.rows = { add, takesAll, remove, move, own, bodyOf, rowsOf, refresh, changed };
  document.querySelectorAll("[data-rows]").forEach(refresh);
  document.querySelectorAll("[data-settings-form]").forEach((form) => {
    form.addEventListener("input", (event) => {
      changed(form);
      const row = event.target.closest("details[data-row]");
      const title = row && row.querySelector("[data-title]");
      if (title && event.target === row.querySelector(".part-fields input.input")) title.textContent = event.target.value || "…";
    });
    form.addEventListener("submit", () => { delete form.dataset.changed; });
    // Enter in a field must not press the first button of a row.
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input.input")) { event.preventDefault(); form.requestSubmit(); }
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
    const known = [...document.querySelectorAll(`input[name^="${prefix}"][name$=".${name}"]`)].filter((i) => !i.disabled && i.value);
    list.replaceChildren(...known.map((input) => new Option(input.value, input.value)));
  });

  // Override Settings: the copy of another mode is the radio button's value.
  document.querySelectorAll("[data-start-select]").forEach((select) => {
    const radio = document.querySelector("[data-start-other]");
    select.addEventListener("change", () => { radio.value = select.value; radio.checked = true; });
  });
})();
