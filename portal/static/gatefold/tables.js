// Work in tables: duplicate a row, paste many lines, filter tables, keys. Rows themselves are in forms.js.
"use strict";
(() => {
  const { add, insert, takesAll, move, own, bodyOf, rowsOf, markOf, inPart, refresh, changed, touch, settle } = window.gatefold.rows;
  const LONG = 9;

  const fieldsOf = (row) => [...row.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((f) => f.closest("[data-row]") === row && !f.name.startsWith("number:"));
  const tablesOf = (row) => [...row.querySelectorAll("[data-rows]")].filter((t) => t.parentElement.closest("[data-row]") === row);
  // What a field is called below its row: `port` of `f.routes.3.port`, `port` of `f.routes.n1.port`.
  const named = (row, field) => field.name.slice(prefixOf(row).length);
  const prefixOf = (row) => `${markOf(row).name.slice(4)}.${markOf(row).value}.`;

  function set(field, value) {
    if (field.type === "checkbox") field.checked = value === true || /^(1|on|yes|true)$/i.test(value);
    else if (field.tagName === "SELECT") {
      const wanted = [...field.options].find((o) => o.value.toLowerCase() === String(value).toLowerCase());
      if (wanted) field.value = wanted.value;
    } else field.value = value;
  }

  // A secret is not copied: the browser does not know it.
  function fill(copy, row) {
    const values = new Map(fieldsOf(row).filter((f) => f.type !== "password").map((f) => [named(row, f), f.type === "checkbox" ? f.checked : f.value]));
    fieldsOf(copy).forEach((f) => { const value = values.get(named(copy, f)); if (value !== undefined) set(f, value); });
    const inner = tablesOf(copy);
    tablesOf(row).forEach((table, index) => {
      if (inPart(table)) { liken(copy, row, inner[index], table); return; }
      bodyOf(inner[index]).replaceChildren();
      rowsOf(table).forEach((each) => fill(add(inner[index], true), each));
      refresh(inner[index]);
    });
    const title = copy.querySelector("[data-title]");
    const from = row.querySelector("[data-title]");
    if (title && from) title.textContent = from.textContent;
  }

  // A long table inside a copied row: the server has it, and takes it from the row that was copied.
  function liken(copy, row, inner, table) {
    const mark = markOf(copy);
    if (!mark.parentElement.querySelector(":scope > [data-like]")) {
      const like = document.createElement("input");
      like.type = "hidden";
      like.dataset.like = "yes";
      like.name = `like:${prefixOf(copy).slice(0, -1)}`;
      like.value = markOf(row).parentElement.querySelector(":scope > [data-like]")?.value || markOf(row).value;
      mark.after(like);
    }
    const part = document.createElement("input");
    part.type = "hidden";
    part.name = `part:${inner.dataset.rows}`;
    part.value = "yes";
    const count = document.createElement("p");
    count.className = "muted small";
    count.textContent = own(table, ".pager span")[0]?.textContent || own(table, "[data-row-count]")[0].textContent;
    inner.replaceChildren(own(inner, ".rows-head")[0] || "", part, count);
  }

  function duplicate(row) {
    const container = row.closest("[data-rows]");
    const copy = add(container, true);
    fill(copy, row);
    if (takesAll(container, row)) row.before(copy); else row.after(copy);
    settle(container, copy);
    if (copy.tagName === "DETAILS") copy.open = true;
    const first = fieldsOf(copy)[0];
    if (first) { first.focus(); if (first.select) first.select(); }
  }

  // host:port, [host]:port and [address]:port; the brackets stay, they may mean something. An IPv6 address alone is one part.
  function hostAndPort(split, word) {
    const parts = split && /^(\[[^\]]+\]|[^:[\]]+):(\d+)$/.exec(word);
    return parts ? [parts[1], parts[2]] : [word];
  }

  // Lines of text are read by the server, which knows the columns: all of them become rows, or none does.
  const linesOf = (text) => text.split(/\r?\n/).filter((line) => line.trim());

  async function read(container, text, start) {
    const form = container.closest("form");
    const body = new FormData();
    const told = { do: "lines", table: container.dataset.rows, column: start, text, part: inPart(container) ? "yes" : "" };
    const token = { csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value };
    Object.entries({ ...told, ...token }).forEach(([name, value]) => body.append(name, value));
    try {
      const answer = await fetch(location.pathname, { method: "POST", body });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      return found.querySelector("[data-unreadable], [data-read], [data-lines]");
    } catch { return null; }
  }

  // The cells that the line told, into a row that stands there already.
  function pour(target, source) {
    source.dataset.told.split(" ").forEach((name) => {
      const [to, from] = [target, source].map((row) => row.querySelector(`:scope > [data-column="${name}"]`));
      const [table, told] = [to, from].map((cell) => cell.querySelector(":scope > [data-rows]"));
      if (!table) { set(to.querySelector("input, select, textarea"), valueOf(from)); return; }
      bodyOf(table).replaceChildren();
      rowsOf(told).forEach((each) => fill(add(table, true), each));
      refresh(table);
    });
    touch(target);
  }
  const valueOf = (cell) => {
    const field = cell.querySelector("input:not([type=hidden]), select, textarea");
    return field.type === "checkbox" ? field.checked : field.value;
  };

  // Returns what the server found wrong, as an element; null when all lines are rows.
  async function paste(container, text, row, start) {
    const found = await read(container, text, start);
    if (!found) return failed(container);
    if (found.matches("[data-unreadable]")) return found;
    if (found.matches("[data-lines]")) own(container, "[data-lines-place]")[0].append(found);
    let here = row;
    [...found.querySelectorAll(":scope > [data-row]")].forEach((each) => {
      if (here) pour(here, each); else insert(container, each.outerHTML);
      here = here && rowsOf(container)[rowsOf(container).indexOf(here) + 1];
    });
    refresh(container);
    filter(container);
    touch(container);
    changed(container.closest("form"));
    return null;
  }

  document.addEventListener("paste", (event) => {
    const row = event.target.closest("table.edit tr[data-row]");
    if (!row || !event.target.matches("input.input")) return;
    const container = row.closest("[data-rows]");
    const text = event.clipboardData.getData("text");
    const lines = linesOf(text);
    const fields = fieldsOf(row);
    const parts = hostAndPort(fields.length > 1, (lines[0] || "").trim());
    if (lines.length === 1 && parts.length > 1 && event.target === fields[0] && fields[1].inputMode === "numeric") {
      event.preventDefault();
      parts.forEach((part, index) => set(fields[index], part));
      touch(row);
      changed(row.closest("form"));
      return;
    }
    if (lines.length < 2 && !(lines[0] || "").includes("\t")) return;
    event.preventDefault();
    const cell = event.target.closest("td[data-column]");
    const columns = [...row.children].filter((each) => each.dataset.column);
    paste(container, text, row, Math.max(columns.indexOf(cell), 0)).then((wrong) => { if (wrong) complain(container, wrong, text); });
  });

  // The session may have ended, or the portal be gone.
  function failed(container) {
    const words = document.createElement("div");
    words.textContent = own(container, "[data-paste-errors]")[0]?.dataset.wordsFailed || "…";
    return words;
  }

  // The text stays where it can be mended.
  function complain(container, wrong, text) {
    const box = own(container, "[data-paste]")[0];
    if (!box) { window.gatefold.say(wrong.textContent); return; }
    box.open = true;
    box.querySelector("[data-paste-text]").value = text;
    box.querySelector("[data-paste-errors]").replaceChildren(wrong);
    box.querySelector("[data-paste-text]").focus();
  }

  function filter(container) {
    const box = own(container, "[data-table-filter]")[0];
    if (!box) return;
    const rows = rowsOf(container);
    box.hidden = rows.length <= LONG && !box.value;
    const wanted = box.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row) => {
      const text = [...row.querySelectorAll("input:not([type=hidden]):not([type=password]), select, textarea")].map((f) => f.value).join(" ").toLowerCase();
      const hit = !wanted || text.includes(wanted);
      row.classList.toggle("filtered", !hit);
      shown += hit ? 1 : 0;
    });
    const count = own(container, "[data-filter-count]")[0];
    if (count) count.textContent = wanted ? `${shown} / ${rows.length}` : "";
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-duplicate], [data-paste-add]");
    if (button) {
      event.preventDefault();
      const container = button.closest("[data-rows]");
      if (button.hasAttribute("data-duplicate")) duplicate(button.closest("[data-row]"));
      else {
        const box = button.closest("[data-paste]");
        const area = box.querySelector("[data-paste-text]");
        const lines = linesOf(area.value);
        if (!lines.length) { area.focus(); return; }
        paste(container, area.value, null, 0).then((wrong) => {
          if (wrong) { complain(container, wrong, area.value); return; }
          window.gatefold.say(String(lines.length));
          area.value = "";
          box.querySelector("[data-paste-errors]").replaceChildren();
          box.open = false;
        });
        return;
      }
      changed(button.closest("form"));
    }
    const drop = event.target.closest("[data-lines-drop]");
    if (drop) drop.closest("[data-lines]").remove();
    if (event.target.closest("[data-add], [data-remove], [data-duplicate]")) {
      const table = event.target.closest("[data-rows]");
      if (table) filter(table);
    }
    // A problem of the list: its field may lie in a folded part.
    const problem = event.target.closest("a[data-problem]");
    if (problem) {
      const field = document.getElementById(problem.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
      field.scrollIntoView({ block: "center" });
      (field.matches("input, select, textarea") ? field : field.querySelector("input:not([type=hidden]), select, textarea") || field).focus();
    }
  });

  document.addEventListener("input", (event) => {
    const box = event.target.closest("[data-table-filter]");
    if (box) { event.stopPropagation(); filter(box.closest("[data-rows]")); }
  }, true);

  // GUI-17: the note of a choice stands in full beside it.
  document.addEventListener("change", (event) => {
    const note = event.target.matches("select") && event.target.parentElement.querySelector("[data-choice-note]");
    if (!note) return;
    const chosen = event.target.selectedOptions[0];
    note.hidden = !(chosen && chosen.dataset.note);
    note.querySelector("span").textContent = (chosen && chosen.dataset.note) || "";
  });

  // Alt+Up, Alt+Down move the row; Ctrl+Enter submits; Enter in a filter does nothing.
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("[data-table-filter], [data-paste-text]")) {
      if (event.key === "Enter" && !event.target.matches("textarea")) { event.preventDefault(); event.stopPropagation(); }
      return;
    }
    const form = event.target.closest("[data-settings-form]");
    if (!form) return;
    const row = event.target.closest("[data-row]");
    if (row && event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      if (!row.dataset.folded) move(row.closest("[data-rows]"), row, event.key === "ArrowDown");
      event.target.focus();
      changed(form);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  }, true);

  document.querySelectorAll("[data-rows]").forEach(filter);
  const problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
