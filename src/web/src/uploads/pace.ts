// How fast something goes, from its last seconds.

// ms. Long enough to even out bursts, short enough to notice a change.
const WINDOW = 8_000;

export class Pace {
  private samples: { at: number; amount: number }[] = [];

  add(amount: number, at: number): void {
    this.samples.push({ at, amount });
    while (this.samples.length > 2 && at - this.samples[0]!.at > WINDOW) this.samples.shift();
  }

  reset(): void {
    this.samples = [];
  }

  /** Amount per second; null while that cannot be told. */
  perSecond(): number | null {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return null;
    return ((last.amount - first.amount) / (last.at - first.at)) * 1000;
  }
}
