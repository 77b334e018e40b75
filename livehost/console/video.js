// The live picture with sound by Media Source Extensions: stays near the live edge, comes back by itself.

import { api } from "./api.js";

const BEHIND_S = 2.6;
const CUSHION_S = 0.7;
const KEEP_S = 12;
const STALL_MS = 6000;

export class LivePicture {
  constructor(video, { onState }) {
    this.video = video;
    this.onState = onState;
    this.room = null;
    this.attempt = 0;
    this.run = 0;
    setInterval(() => this.followLiveEdge(), 500);
    video.addEventListener("waiting", () => this.followLiveEdge(true));
  }

  watch(room) {
    if (room === this.room) return;
    this.room = room;
    this.run += 1;
    this.attempt = 0;
    this.abort?.abort();
    if (room === null) this.video.removeAttribute("src");
    else this.keepPlaying(this.run);
  }

  async keepPlaying(run) {
    while (run === this.run) {
      this.onState("connecting");
      try {
        await this.playOnce(run);
        if (run === this.run) this.onState("connecting"); // it ended: the last frame must not pass for live
      } catch (error) {
        if (run === this.run) this.onState("lost", error);
      }
      if (run !== this.run) return;
      this.attempt += 1;
      await new Promise((done) => setTimeout(done, Math.min(5000, 500 * 2 ** Math.min(this.attempt, 4))));
    }
  }

  async playOnce(run) {
    const abort = (this.abort = new AbortController());
    let stalled = setTimeout(() => abort.abort(), STALL_MS * 2);
    const answer = await fetch(api.preview(this.room), { signal: abort.signal, credentials: "same-origin" });
    if (!answer.ok) {
      clearTimeout(stalled);
      throw new Error(String(answer.status));
    }
    const reader = answer.body.getReader();
    const source = new MediaSource();
    const address = URL.createObjectURL(source);
    this.video.src = address;
    try {
      await new Promise((done) => source.addEventListener("sourceopen", done, { once: true }));
      let head = new Uint8Array(0);
      let buffer = null;
      for (;;) {
        const { value, done } = await reader.read();
        if (done || run !== this.run) return;
        clearTimeout(stalled);
        stalled = setTimeout(() => abort.abort(), STALL_MS);
        let bytes = value;
        if (!buffer) {
          head = joined(head, value);
          const codecs = codecsOf(head);
          if (!codecs) {
            if (head.length > 4_000_000) throw new Error("no moov");
            continue;
          }
          buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
          bytes = head;
        }
        await appended(buffer, bytes);
        await this.trim(buffer);
        this.followLiveEdge();
        if (this.video.paused) this.video.play().catch(() => {});
        if (buffer.buffered.length) {
          this.attempt = 0;
          this.onState("live");
        }
      }
    } finally {
      clearTimeout(stalled);
      abort.abort();
      URL.revokeObjectURL(address);
    }
  }

  async trim(buffer) {
    const until = this.video.currentTime - KEEP_S;
    if (!buffer.updating && buffer.buffered.length && buffer.buffered.start(0) < until - 5) {
      buffer.remove(0, until);
      await updated(buffer);
    }
  }

  get behindS() {
    const ranges = this.video.buffered;
    return ranges.length ? ranges.end(ranges.length - 1) - this.video.currentTime : 0;
  }

  followLiveEdge(starved = false) {
    const ranges = this.video.buffered;
    if (!ranges.length) return;
    const start = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);
    const at = this.video.currentTime;
    if (at < start || at > end + 1 || end - at > BEHIND_S) this.video.currentTime = Math.max(start, end - CUSHION_S);
    else if (starved && end - at > 0.3) this.video.currentTime = Math.max(at, end - CUSHION_S);
    else this.video.playbackRate = end - at > 1.6 ? 1.06 : 1;
  }
}

function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function appended(buffer, bytes) {
  buffer.appendBuffer(bytes);
  return updated(buffer);
}

function updated(buffer) {
  if (!buffer.updating) return Promise.resolve();
  return new Promise((done, fail) => {
    buffer.addEventListener("updateend", done, { once: true });
    buffer.addEventListener("error", () => fail(new Error("the picture could not be decoded")), { once: true });
  });
}

// The codecs of an initialisation segment once its moov is whole; null before.
export function codecsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 8 <= bytes.length) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "moov") {
      if (at + size > bytes.length) return null;
      const moov = bytes.subarray(at, at + size);
      const avc = find(moov, "avcC");
      const codecs = [];
      if (avc >= 0) codecs.push(`avc1.${[1, 2, 3].map((i) => moov[avc + 4 + i].toString(16).padStart(2, "0")).join("")}`);
      if (find(moov, "mp4a") >= 0) codecs.push("mp4a.40.2");
      return codecs.join(",");
    }
    if (size < 8) return null;
    at += size;
  }
  return null;
}

function find(bytes, name) {
  const codes = [...name].map((char) => char.charCodeAt(0));
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    if (codes.every((code, i) => bytes[at + i] === code)) return at;
  }
  return -1;
}
