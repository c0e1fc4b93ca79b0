// Small behaviours of every page: theme, menus, the flash of a changed mode, questions before leaving.
"use strict";
(() => {
  const announcer = document.querySelector("[data-announcer]");
  const say = (text) => { if (announcer) { announcer.textContent = ""; setTimeout(() => { announcer.textContent = text; }, 150); } };

  function theme(choice) {
    try { localStorage.setItem("theme", choice); } catch { /* private window: this page only */ }
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    mark(choice);
    const url = document.body.dataset.themeUrl;
    if (url) window.htmx.ajax("POST", url, { values: { theme: choice === "auto" ? "" : choice }, swap: "none" });
  }
  function mark(choice) {
    document.querySelectorAll("[data-theme-choice]").forEach((button) => {
      button.setAttribute("aria-current", String(button.dataset.themeChoice === choice));
    });
  }

  // GUI-14: the word "Mode" flashes when this tab came from another mode of the same cluster.
  function flash() {
    const box = document.querySelector("[data-mode]");
    if (!box) return;
    const key = `mode:${box.dataset.modeCluster}`;
    let before = null;
    try { before = sessionStorage.getItem(key); sessionStorage.setItem(key, box.dataset.mode); } catch { return; }
    if (before === null || before === box.dataset.mode) return;
    const word = box.querySelector("[data-mode-word]");
    if (word) {
      word.classList.add("flash");
      setTimeout(() => word.classList.remove("flash"), 4000);
    }
    say(box.dataset.modeSentence);
  }

  document.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-theme-choice]");
    if (choice) theme(choice.dataset.themeChoice);
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });
  // Double clicks and slow answers: a form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
  });

  // A choice of a filter is taken at once; the button beside it is for those without script.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // Commands to take along: copied, or marked where the browser lets no page copy.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      say(button.dataset.copied);
    } catch {
      getSelection().selectAllChildren(source);
    }
  });

  // Long menus of modes: type to find one.
  document.addEventListener("input", (event) => {
    const filter = event.target.closest("[data-filter]");
    if (!filter) return;
    const wanted = filter.value.trim().toLowerCase();
    filter.closest(".menu-list").querySelectorAll("[data-name]").forEach((link) => {
      link.hidden = !link.dataset.name.toLowerCase().includes(wanted);
    });
  });

  // Lists with boxes to mark: one box marks all, and no news takes the marks away.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-mark-all]");
    if (!all) return;
    all.form.querySelectorAll(`input[type=checkbox][name="${all.dataset.markAll}"]`).forEach((box) => { box.checked = all.checked; });
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (hasMarks(part)) event.preventDefault();
  });
  // What was asked for before the first mark may arrive after it.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.requestConfig.elt;
    if (part === event.detail.target && hasMarks(part)) event.detail.shouldSwap = false;
  });
  function hasMarks(part) {
    return part.matches("[data-marks]") && part.querySelector("input[type=checkbox]:checked");
  }

  let stored = "auto";
  try { stored = localStorage.getItem("theme") || "auto"; } catch { /* private window */ }
  const kept = document.documentElement.dataset;
  mark("themeKept" in kept ? kept.theme : stored);
  flash();
  window.gatefold = { say };
})();
