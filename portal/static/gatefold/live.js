// Hints from the portal: "something about this cluster changed". The page then fetches the fragment itself.
// Fragments also poll slowly by themselves (hx-trigger), so a lost socket costs speed and never truth.
"use strict";
(() => {
  const STALE_MS = 75000;
  const body = document.body;
  const sign = document.querySelector("[data-live-sign]");
  const lost = document.querySelector("[data-lost-news]");
  let socket = null;
  let wait = 500;
  let lastNews = Date.now();
  let due = new Set();
  let timer = 0;

  function show(state) {
    body.dataset.live = state;
    if (sign) {
      sign.dataset.live = state;
      sign.textContent = sign.dataset[`words${state[0].toUpperCase()}${state.slice(1)}`];
    }
    if (lost) lost.hidden = state !== "lost";
  }

  function fetchDue() {
    timer = 0;
    for (const about of due) body.dispatchEvent(new CustomEvent(`gatefold:${about}`));
    due = new Set();
  }

  function hint(about) {
    due.add(about);
    // Spread over a moment: many browsers get the same hint at once.
    if (!timer) timer = setTimeout(fetchDue, 60 + Math.random() * 240);
  }

  function concerns(message) {
    const here = body.querySelector("[data-cluster]");
    return !here || !message.cluster || here.dataset.cluster === message.cluster;
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${body.dataset.liveUrl}`);
    socket.onopen = () => { wait = 500; lastNews = Date.now(); show("live"); ["status", "settings", "jobs", "answers"].forEach(hint); };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      lastNews = Date.now();
      if (message.about && concerns(message)) hint(message.about);
    };
    socket.onclose = () => {
      if (body.dataset.live === "live") show("waiting");
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 30000);
    };
  }

  function age(element) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(element.dateTime)) / 1000));
    const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { style: "long", numeric: "always" });
    if (seconds < 60) return format.format(-seconds, "second");
    if (seconds < 3600) return format.format(-Math.floor(seconds / 60), "minute");
    if (seconds < 86400) return format.format(-Math.floor(seconds / 3600), "hour");
    return format.format(-Math.floor(seconds / 86400), "day");
  }

  function left(element) {
    const seconds = Math.round((Date.parse(element.dateTime) - Date.now()) / 1000);
    const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { style: "long", numeric: "always" });
    if (seconds < 120) return format.format(Math.max(0, seconds), "second");
    if (seconds < 7200) return format.format(Math.round(seconds / 60), "minute");
    if (seconds < 172800) return format.format(Math.round(seconds / 3600), "hour");
    return format.format(Math.round(seconds / 86400), "day");
  }

  function tick() {
    document.querySelectorAll("time.until").forEach((element) => {
      const text = left(element);
      if (element.textContent !== text) element.textContent = text;
    });
    document.querySelectorAll("time.age").forEach((element) => {
      const text = age(element);
      if (element.textContent !== text) element.textContent = text;
    });
    if (body.dataset.liveUrl && Date.now() - lastNews > STALE_MS) show("lost");
  }

  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) {
      lastNews = Date.now();
      if (body.dataset.live === "lost") show(socket && socket.readyState === WebSocket.OPEN ? "live" : "waiting");
    }
  });
  document.body.addEventListener("htmx:afterSwap", tick);
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    // The session has ended: fragments are answered by the login page, which must not land inside this one.
    if (event.detail.xhr.responseURL.includes("/login/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { tick(); ["status", "settings", "jobs", "answers"].forEach(hint); }
  });
  if (body.dataset.liveUrl) connect();
  tick();
  setInterval(tick, 1000);
})();
