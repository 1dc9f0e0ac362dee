// The speed of something in progress, measured over its last seconds.

// ms. Long enough to average out bursts, short enough to notice a change.
const WINDOW = 8_000;

export class SpeedMeter {
  private samples: { at: number; amount: number }[] = [];

  /** `at` is a time in ms. */
  add(amount: number, at: number): void {
    this.samples.push({ at, amount });
    while (this.samples.length > 2 && at - (this.samples[0]?.at ?? at) > WINDOW) this.samples.shift();
  }

  reset(): void {
    this.samples = [];
  }

  /** The amount per second; null while there are too few samples. */
  perSecond(): number | null {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return null;
    return ((last.amount - first.amount) / (last.at - first.at)) * 1000;
  }
}
