/** Rows kept; at 300 updates a second and a row every 25 it is full after 11 minutes. */
const CAPACITY = 8192;

/**
 * The numbers of a run over its updates: one table for all charts, so that they share their x axis. Rows come in any
 * order, evaluations late; those of the same update join. A full table halves its resolution instead of forgetting the
 * start.
 */
export class History {
  readonly #capacity: number;
  readonly #updates: number[] = [];
  readonly #columns = new Map<string, (number | null)[]>();

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** The updates of the rows, ascending. */
  get updates(): readonly number[] {
    return this.#updates;
  }

  /** Names of the columns that have ever had a number, in the order in which they came. */
  get names(): readonly string[] {
    return [...this.#columns.keys()];
  }

  /** A column as long as `updates`; null where it has no number. */
  column(name: string): readonly (number | null)[] {
    return this.#columns.get(name) ?? new Array<null>(this.#updates.length).fill(null);
  }

  /** The newest number of a column. */
  latest(name: string): number | null {
    return this.#columns.get(name)?.findLast((value) => value !== null) ?? null;
  }

  /** Puts `values` into the row of `updates`; NaN and infinity are left out. */
  add(updates: number, values: Readonly<Record<string, number>>): void {
    const row = this.#rowOf(updates);
    for (const [name, value] of Object.entries(values)) {
      if (!Number.isFinite(value)) continue;
      let column = this.#columns.get(name);
      if (!column) this.#columns.set(name, (column = new Array<null>(this.#updates.length).fill(null)));
      column[row] = value;
    }
    if (this.#updates.length > this.#capacity) this.#halve();
  }

  clear(): void {
    this.#updates.length = 0;
    this.#columns.clear();
  }

  /** This table and the columns of `other` behind `prefix`, as a new one; rows of the same update join. */
  joined(other: History, prefix: string): History {
    const both = new History(this.#capacity + other.#capacity);
    const rows: (readonly [number | undefined, number | undefined])[] = [];
    for (let mine = 0, theirs = 0; mine < this.#updates.length || theirs < other.#updates.length;) {
      const [a = Infinity, b = Infinity] = [this.#updates[mine], other.#updates[theirs]];
      both.#updates.push(Math.min(a, b));
      rows.push([a <= b ? mine++ : undefined, b <= a ? theirs++ : undefined]);
    }
    for (const [name, column] of this.#columns) {
      both.#columns.set(
        name,
        rows.map(([row]) => (row === undefined ? null : column[row]!)),
      );
    }
    for (const [name, column] of other.#columns) {
      both.#columns.set(
        prefix + name,
        rows.map(([, row]) => (row === undefined ? null : column[row]!)),
      );
    }
    return both;
  }

  /** The table with a line of names; empty fields where there is no number. */
  csv(): string {
    const columns = [...this.#columns.values()];
    const lines = this.#updates.map((updates, row) =>
      [updates, ...columns.map((column) => column[row] ?? '')].join(','),
    );
    return `${[['updates', ...this.#columns.keys()].join(','), ...lines].join('\n')}\n`;
  }

  /** Index of the row of `updates`, made where it belongs if there is none. */
  #rowOf(updates: number): number {
    let row = this.#updates.length;
    while (row > 0 && this.#updates[row - 1]! >= updates) row--;
    if (this.#updates[row] === updates) return row;
    this.#updates.splice(row, 0, updates);
    for (const column of this.#columns.values()) column.splice(row, 0, null);
    return row;
  }

  /** Joins rows two by two; of two numbers the later stays. The last row is never joined with an older one. */
  #halve(): void {
    const kept = this.#updates
      .map((_, row) => row)
      .filter((row, _, { length }) => (length - 1 - row) % 2 === 0);
    for (const column of this.#columns.values()) {
      const joined = kept.map((row) => column[row] ?? column[row - 1] ?? null);
      column.splice(0, column.length, ...joined);
    }
    this.#updates.splice(0, this.#updates.length, ...kept.map((row) => this.#updates[row]!));
  }
}
