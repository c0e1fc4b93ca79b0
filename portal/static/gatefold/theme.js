// Runs before the first paint, so that a chosen theme does not flicker.
"use strict";
(() => {
  if ("themeKept" in document.documentElement.dataset) return; // the person's own choice, on every browser
  const chosen = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
