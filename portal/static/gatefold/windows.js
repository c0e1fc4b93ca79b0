// Long tables: the server sends one window of rows at a time. What was changed in it is kept beside the next one,
// and stands at its place again when its window comes back.
"use strict";
(() => {
  const { own, bodyOf, rowsOf, markOf, nameOf, inPart, refresh, goneOf, tellGone, changed } = window.gatefold.rows;

  const heldOf = (container) => own(container, "[data-held]")[0];
  const isMoved = (row) => Boolean(markOf(row).parentElement.querySelector(":scope > [data-after]"));

  function tell(container) {
    const part = own(container, "[data-held-part]")[0];
    if (part) part.hidden = heldOf(container).children.length === 0;
  }

  function hold(container) {
    const held = heldOf(container);
    [...(bodyOf(container)?.children || [])].filter((row) => row.dataset.changed && !row.hidden && !row.dataset.folded).forEach((row) => held.append(row));
    // What can be undone no longer stands there.
    own(container, "[data-undo]").forEach((button) => button.remove());
    tell(container);
  }

  function bringBack(container) {
    const gone = new Set([...goneOf(container).children].map((input) => input.value));
    const held = new Map([...heldOf(container).children].map((row) => [nameOf(row), row]));
    [...(bodyOf(container)?.children || [])].filter((row) => row.matches("[data-row]")).forEach((row) => {
      const mine = held.get(nameOf(row));
      if (gone.has(nameOf(row)) || (mine && isMoved(mine))) row.remove();
      else if (mine) row.replaceWith(mine);
    });
    refresh(container);
    tell(container);
  }

  const containerOf = (target) => {
    const container = target.matches("[data-window]") && target.closest("[data-rows]");
    return container && inPart(container) ? container : null;
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const container = containerOf(event.detail.target);
    if (container && event.detail.shouldSwap) hold(container);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const container = containerOf(event.detail.target);
    if (container) bringBack(container);
  });
  // A row that was folded has come: the tables in it know their tools.
  document.addEventListener("htmx:load", (event) => {
    const row = event.detail.elt;
    if (!row.matches("[data-row]")) return;
    row.querySelectorAll("[data-rows]").forEach(refresh);
    const container = row.closest("[data-rows]");
    if (container) refresh(container);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-gone-drop]");
    if (!button) return;
    const container = button.closest("[data-rows]");
    goneOf(container).replaceChildren();
    tellGone(container);
    rowsOf(container);
    [...(bodyOf(container)?.children || [])].filter((row) => row.hidden && !nameOf(row).startsWith("n")).forEach((row) => {
      row.hidden = false;
      row.querySelectorAll("[data-gone=yes]").forEach((field) => { field.disabled = false; delete field.dataset.gone; });
    });
    own(container, "[data-undo]").forEach((undo) => undo.remove());
    refresh(container);
    changed(button.closest("form"));
  });

  // Enter in a filter or a number to go to asks at once, and submits nothing.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input[data-window-tool]")) return;
    event.preventDefault();
    window.htmx.trigger(event.target, event.target.type === "search" ? "search" : "change");
  });
})();
