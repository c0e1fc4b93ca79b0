// The web terminal: draws the rows that the portal sends, and sends keys, pasted text and the size.
"use strict";
(() => {
  const root = document.querySelector("[data-terminal]");
  if (!root) return;
  const part = (name) => root.querySelector(`[data-terminal-${name}]`);
  const [trouble, login, box, past, screen, keys, said] =
    ["trouble", "login", "box", "past", "screen", "keys", "said"].map(part);
  const sign = document.querySelector("[data-terminal-state]");
  const frame = screen.parentElement;
  const PAST = 500;
  let socket = null;
  let state = "";
  let leaving = false;
  let open = null;
  let cursor = [0, 0, true];
  let size = [80, 24];

  // Who is quicker than the socket waits for it.
  function begin() {
    send(open);
    open = null;
  }

  function show(next, text = "") {
    state = next;
    if (next === "ready" && open) { begin(); return; }
    const words = sign.dataset[`words${next[0].toUpperCase()}${next.slice(1)}`];
    sign.textContent = words;
    sign.className = `state ${next === "open" ? "ok" : "calm"}`;
    trouble.hidden = !text;
    trouble.querySelector("div").textContent = text;
    login.hidden = next !== "ready";
    box.hidden = next === "ready";
    login.querySelector("button").disabled = false;
    if (next === "open") { measure(); keys.focus(); }
    if (next === "ready" && text) login.querySelector("[name=passphrase]").focus();
  }

  const send = (message) => { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
  const type = (text) => { if (state === "open" && text) for (let at = 0; at < text.length; at += 4000) send({ keys: text.slice(at, at + 4000) }); };

  function drawn(spans, column = -1) {
    const row = document.createElement("div");
    row.className = "terminal-row";
    let x = 0;
    const piece = (text, style) => {
      const span = document.createElement("span");
      if (style) span.className = style;
      span.textContent = text;
      row.append(span);
    };
    for (const [text, style] of spans) {
      const at = column - x;
      x += text.length;
      if (column < 0 || at < 0 || at >= text.length) { piece(text, style); continue; }
      if (at) piece(text.slice(0, at), style);
      piece(text[at], `${style} terminal-cursor`);
      if (at + 1 < text.length) piece(text.slice(at + 1), style);
    }
    if (column >= x) { if (column > x) piece(" ".repeat(column - x), ""); piece(" ", "terminal-cursor"); }
    return row;
  }

  const lines = [];
  function draw(message) {
    const low = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 40;
    for (const spans of message.scrolled) past.append(drawn(spans));
    while (past.children.length > PAST) past.firstChild.remove();
    const changed = new Set(Object.keys(message.rows).map(Number));
    changed.add(cursor[1]).add(message.cursor[1]);
    cursor = message.cursor;
    size = message.size;
    lines.length = size[1];
    for (const [y, spans] of Object.entries(message.rows)) lines[y] = spans;
    while (screen.children.length > size[1]) screen.lastChild.remove();
    while (screen.children.length < size[1]) screen.append(drawn([]));
    for (const y of changed) {
      if (y < size[1]) screen.children[y].replaceWith(drawn(lines[y] || [], cursor[2] && y === cursor[1] ? cursor[0] : -1));
    }
    tell(message);
    if (low) frame.scrollTop = frame.scrollHeight;
  }

  // What a screen reader hears: the rows that came, and the one with the cursor.
  let told = "";
  function tell(message) {
    const text = [...message.scrolled, ...Object.values(message.rows)].map((spans) => spans.map((s) => s[0]).join("")).filter((row) => row.trim()).slice(-12).join("\n");
    if (!text || text === told) return;
    told = text;
    const line = document.createElement("div");
    line.textContent = text;
    said.append(line);
    while (said.children.length > 20) said.firstChild.remove();
  }

  function measure() {
    const probe = drawn([["M".repeat(50), ""]]);
    screen.append(probe);
    const width = probe.firstChild.getBoundingClientRect().width / 50;
    const height = probe.getBoundingClientRect().height;
    probe.remove();
    const style = getComputedStyle(frame);
    const room = (a, b, all) => all - parseFloat(style[a]) - parseFloat(style[b]);
    const columns = Math.floor((room("paddingLeft", "paddingRight", frame.clientWidth) - 2) / width);
    const rows = Math.floor(room("paddingTop", "paddingBottom", frame.clientHeight) / height);
    return [Math.max(columns, 20) || 80, Math.max(rows, 5) || 24];
  }

  function resized() {
    if (state !== "open") return;
    const wanted = measure();
    if (wanted[0] !== size[0] || wanted[1] !== size[1]) send({ size: wanted });
  }

  const NAMED = {
    Enter: "\r", Backspace: "\x7f", Escape: "\x1b", Tab: "\t", Delete: "\x1b[3~", Insert: "\x1b[2~",
    ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C", ArrowLeft: "\x1b[D",
    Home: "\x1b[H", End: "\x1b[F",
  };

  function coded(event) {
    if (event.metaKey || event.isComposing || event.shiftKey && event.ctrlKey) return "";
    if (event.key === "Tab" && event.shiftKey) return "\x1b[Z";
    if (NAMED[event.key]) return NAMED[event.key];
    if (event.ctrlKey && !event.altKey && event.key.length === 1) {
      const code = event.key.toUpperCase().charCodeAt(0);
      return code >= 64 && code < 96 ? String.fromCharCode(code - 64) : "";
    }
    if (event.altKey && !event.ctrlKey && event.key.length === 1) return `\x1b${event.key}`;
    return "";
  }

  keys.addEventListener("keydown", (event) => {
    // Escape, then Tab leaves; Escape itself goes to the machine as well.
    if (event.key === "Tab" && leaving) { leaving = false; return; }
    if (event.key === "PageUp" || event.key === "PageDown") {
      frame.scrollBy(0, (event.key === "PageUp" ? -0.9 : 0.9) * frame.clientHeight);
      event.preventDefault();
      return;
    }
    if (event.key !== "Shift") leaving = event.key === "Escape";
    const selected = String(getSelection());
    if (event.ctrlKey && event.key === "c" && selected) return;
    const text = coded(event);
    if (!text) return;
    event.preventDefault();
    type(text);
  });
  keys.addEventListener("input", (event) => {
    if (event.isComposing) return;
    type(keys.value.replace(/\r?\n/g, "\r"));
    keys.value = "";
  });
  keys.addEventListener("compositionend", () => { type(keys.value); keys.value = ""; });
  keys.addEventListener("paste", (event) => {
    event.preventDefault();
    type(event.clipboardData.getData("text").replace(/\r?\n/g, "\r"));
  });
  frame.addEventListener("mouseup", () => { if (!String(getSelection())) keys.focus({ preventScroll: true }); });
  addEventListener("resize", resized);

  // Before this the button rests: a form that the browser sends by itself would show the passphrase around.
  login.querySelector("button").disabled = false;
  login.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    delete form.dataset.sent;
    box.hidden = false;
    const [columns, rows] = measure();
    box.hidden = true;
    login.querySelector("button").disabled = true;
    open = { open: { user: form.user.value, passphrase: form.passphrase.value, columns, rows } };
    form.passphrase.value = "";
    if (state === "ready") begin();
  });

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${root.dataset.terminalUrl}`);
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.state) show(message.state, message.text);
      else draw(message);
    };
    socket.onclose = (event) => {
      if (state === "ended") return;
      show("ended", root.dataset[`words-${event.code}`] || root.dataset[`words${event.code}`] || root.dataset.wordsLost);
    };
  }
  addEventListener("pagehide", () => { if (socket) socket.close(); });
  connect();
})();
