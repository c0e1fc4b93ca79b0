// Work in tables: duplicate a row, paste many lines, filter long tables, keys. Rows themselves are in forms.js.
"use strict";
(() => {
  const { add, takesAll, move, own, bodyOf, rowsOf, refresh, changed } = window.gatefold.rows;
  const LONG = 9;

  const fieldsOf = (row) => [...row.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((f) => f.closest("[data-row]") === row);
  const tablesOf = (row) => [...row.querySelectorAll("[data-rows]")].filter((t) => t.parentElement.closest("[data-row]") === row);
  // What a field is called below its row: `port` of `f.routes.3.port`, `port` of `f.routes.n1.port`.
  const named = (row, field) => field.name.slice(prefixOf(row).length);
  const prefixOf = (row) => {
    const marker = [...row.querySelectorAll("input[type=hidden][name^='row:']")].find((i) => i.closest("[data-row]") === row);
    return `${marker.name.slice(4)}.${marker.value}.`;
  };

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
      bodyOf(inner[index]).replaceChildren();
      rowsOf(table).forEach((each) => fill(add(inner[index], true), each));
      refresh(inner[index]);
    });
    const title = copy.querySelector("[data-title]");
    const from = row.querySelector("[data-title]");
    if (title && from) title.textContent = from.textContent;
  }

  function duplicate(row) {
    const container = row.closest("[data-rows]");
    const copy = add(container, true);
    fill(copy, row);
    if (takesAll(container, row)) row.before(copy); else row.after(copy);
    refresh(container);
    if (copy.tagName === "DETAILS") copy.open = true;
    const first = fieldsOf(copy)[0];
    if (first) { first.focus(); if (first.select) first.select(); }
  }

  // One line of pasted text into a row, from `start` on. A cell that holds rows of its own takes words: host:port.
  function pour(row, cells, start) {
    const columns = [...row.children].filter((cell) => !cell.matches(".row-tools")).slice(start);
    columns.forEach((cell, index) => {
      const text = (cells[index] || "").trim();
      if (!text) return;
      const table = cell.querySelector("[data-rows]");
      const field = cell.querySelector("input:not([type=hidden]), select, textarea");
      if (table) pourWords(table, text.split(/\s+/));
      else if (field.tagName === "TEXTAREA") field.value = text.split(/\s+/).join("\n");
      else set(field, text);
    });
  }
  function pourWords(table, words) {
    bodyOf(table).replaceChildren();
    words.forEach((word) => {
      const fields = fieldsOf(add(table, true));
      hostAndPort(fields.length > 1, word).forEach((part, index) => set(fields[index], part));
    });
    refresh(table);
  }

  // host:port, [host]:port and [address]:port; the brackets stay, they may mean something. An IPv6 address alone is one part.
  function hostAndPort(split, word) {
    const parts = split && /^(\[[^\]]+\]|[^:[\]]+):(\d+)$/.exec(word);
    return parts ? [parts[1], parts[2]] : [word];
  }

  const linesOf = (text) => text.split(/\r?\n/).filter((line) => line.trim());
  const cellsOf = (line) => line.split(line.includes("\t") ? "\t" : line.includes(";") ? ";" : ",");

  function paste(container, lines, row, start) {
    let here = row;
    lines.forEach((line) => {
      const target = here || add(container, true);
      pour(target, cellsOf(line), start);
      here = here && here.nextElementSibling;
    });
    refresh(container);
    filter(container);
    changed(container.closest("form"));
  }

  document.addEventListener("paste", (event) => {
    const row = event.target.closest("table.edit tr[data-row]");
    if (!row || !event.target.matches("input.input")) return;
    const container = row.closest("[data-rows]");
    const lines = linesOf(event.clipboardData.getData("text"));
    const fields = fieldsOf(row);
    const parts = hostAndPort(fields.length > 1, (lines[0] || "").trim());
    if (lines.length === 1 && parts.length > 1 && event.target === fields[0] && fields[1].inputMode === "numeric") {
      event.preventDefault();
      parts.forEach((part, index) => set(fields[index], part));
      changed(row.closest("form"));
      return;
    }
    if (lines.length < 2 && !(lines[0] || "").includes("\t")) return;
    event.preventDefault();
    const cell = event.target.closest("td");
    paste(container, lines, row, [...row.children].indexOf(cell));
  });

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
        const text = button.closest("[data-paste]").querySelector("[data-paste-text]");
        const lines = linesOf(text.value);
        if (!lines.length) { text.focus(); return; }
        paste(container, lines, null, 0);
        window.gatefold.say(String(lines.length));
        text.value = "";
        button.closest("[data-paste]").open = false;
      }
      changed(button.closest("form"));
    }
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
      move(row.closest("[data-rows]"), row, event.key === "ArrowDown");
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
