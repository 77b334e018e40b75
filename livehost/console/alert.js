// A short sound for what has just come to wait; made here, so that no file is loaded.

const KEPT = "livehost.alert";
const TONES = { held: [660, 880], handed: [520, 520] };

export class Alert {
  constructor() {
    this.on = localStorage.getItem(KEPT) !== "off";
    this.audio = null;
    // A browser lets a page sound only after somebody has touched it.
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.wake(), { once: true });
  }

  wake() {
    this.audio ??= new AudioContext();
    this.audio.resume();
  }

  toggle() {
    this.on = !this.on;
    localStorage.setItem(KEPT, this.on ? "on" : "off");
    if (this.on) this.sound("held");
  }

  sound(kind) {
    if (!this.on || !this.audio || this.audio.state !== "running") return;
    TONES[kind].forEach((pitch, number) => {
      const tone = this.audio.createOscillator();
      const volume = this.audio.createGain();
      const at = this.audio.currentTime + number * 0.14;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.12, at + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.13);
      tone.connect(volume).connect(this.audio.destination);
      tone.start(at);
      tone.stop(at + 0.14);
    });
  }
}
