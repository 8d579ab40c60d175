"""The page's microphone: sound goes to `/stream` while somebody speaks, and what comes back is shown at once."""

import importlib.util


LIVE_STYLE = """
#live-state { margin: 0.6rem 0; }
#live-button { font: inherit; font-weight: 600; padding: 0.6rem 1.2rem; border: 0; border-radius: 0.4rem;
  cursor: pointer; color: #fff; background: #1d4ed8; }
#live-button:hover { background: #1e40af; }
#live-so-far { font-size: 1.6rem; font-weight: 600; min-height: 2.2rem; overflow-wrap: anywhere; }
#live-events { list-style: none; padding: 0; margin: 0.6rem 0; }
#live-events li { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; padding: 0.35rem 0;
  border-top: 1px solid var(--border-color-primary); }
#live-events .when { color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
"""
# Oldest segments leave the page beyond so many.
_SHOWN = 200

LIVE_SCRIPT = """
(() => {
  const at = (id) => document.getElementById(id);
  let now = null;
  const clock = (s) => `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
  const say = (text) => { at("live-state").textContent = text; };
  const told = (scores) => at("live-button").dataset.classes === "true"
    ? `${scores[0].label} ${Math.round(100 * scores[0].score)}%`
    : scores.map((one) => `${one.label} ${one.score >= 0 ? "+" : ""}${one.score.toFixed(2)}`).join(", ");
  const part = (name, text) => Object.assign(document.createElement("span"), { className: name, textContent: text });
  const show = (event) => {
    if (event.predictions === null) return;
    const row = document.createElement("li");
    row.append(part("when", event.timestamp.map(clock).join(" to ")), part("what", told(event.predictions)));
    if (event.text) row.append(part("text", event.text));
    at("live-events").prepend(row);
    while (at("live-events").children.length > SHOWN) at("live-events").lastChild.remove();
    at("live-so-far").textContent = `So far: ${told(event.so_far)}`;
  };
  const release = (run) => {
    run.sound?.getTracks().forEach((track) => track.stop());
    if (run.context && run.context.state !== "closed") run.context.close();
    if (now === run) { now = null; at("live-button").textContent = "Start listening"; }
  };
  const end = (run, text) => { if (!run.ended) { run.ended = true; say(text); } release(run); run.socket?.close(); };
  const start = async () => {
    const run = now = { kept: [], count: 0 };
    at("live-button").textContent = "Stop listening";
    at("live-events").replaceChildren(); at("live-so-far").textContent = "";
    say("Asking for the microphone.");
    try {
      if (!navigator.mediaDevices) throw new Error("this page needs https, or 127.0.0.1, for the microphone");
      run.sound = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
      if (now !== run) return release(run);
      run.context = new AudioContext();
      const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
        process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; } });`;
      const place = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      await run.context.audioWorklet.addModule(place);
      URL.revokeObjectURL(place);
    } catch (error) { return end(run, `There is no microphone: ${error.message}`); }
    if (now !== run) return release(run);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    run.socket = new WebSocket(`${scheme}//${location.host}${location.pathname.replace(/\\/$/, "")}/stream`);
    run.socket.onopen = () => run.socket.send(JSON.stringify({ sampling_rate: run.context.sampleRate }));
    run.socket.onclose = () => end(run, "The connection was lost.");
    run.socket.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.type === "event") show(event);
      if (event.type === "error") end(run, event.error);
      if (event.type === "end") end(run, event.so_far ? `Heard ${clock(event.seconds)}.`
        : `Heard ${clock(event.seconds)}, and nobody who speaks.`);
      if (event.type !== "ready") return;
      say("Listening. A line comes after each pause.");
      const tap = new AudioWorkletNode(run.context, "tap", { numberOfOutputs: 0 });
      tap.port.onmessage = ({ data }) => {
        run.kept.push(data); run.count += data.length;
        if (run.count < 4096 || run.stopping || run.socket.readyState !== WebSocket.OPEN) return;
        if (run.socket.bufferedAmount > 4e6) return end(run, "The server does not keep up: listening has ended.");
        run.socket.send(new Blob(run.kept)); run.kept = []; run.count = 0;
      };
      run.context.createMediaStreamSource(run.sound).connect(tap);
    };
  };
  const stop = (run) => {
    if (run.socket?.readyState !== WebSocket.OPEN) return end(run, "");
    run.stopping = true;
    if (run.kept.length) run.socket.send(new Blob(run.kept));
    run.socket.send(JSON.stringify({ type: "close" }));
    say("Finishing.");
    release(run);
  };
  document.addEventListener("click", (event) => {
    if (event.target.id === "live-button") now ? stop(now) : start();
  });
})();
""".replace("SHOWN", str(_SHOWN))


def can_stream() -> bool:
    """Whether the server can speak WebSocket, for which it needs a package."""
    return any(importlib.util.find_spec(name) is not None for name in ("websockets", "wsproto"))


def live_html(has_classes: bool) -> str:
    """What the tab shows at first; `LIVE_STYLE` and `LIVE_SCRIPT` belong to it.

    Args:
        has_classes (`bool`): whether scores are probabilities.
    """
    return (
        f'<button id="live-button" type="button" data-classes="{str(has_classes).lower()}">Start listening</button>'
        '<div id="live-state" role="status">The microphone is off. Sound goes to this server while you listen, and is '
        'not kept.</div><div id="live-so-far" aria-live="polite"></div><ul id="live-events"></ul>'
    )
