/** A typical mistake, made by replacing one text of one file, and what is expected to notice. */
export interface Mutant {
  readonly name: string;
  /** What is wrong, in words. */
  readonly mistake: string;
  /** Path from the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Test files, from the root of the repository, of which at least one assertion fails. */
  readonly checks: readonly string[];
  /** Rows of `softq acceptance` that fall out of their bounds too; absent where training does not show the mistake. */
  readonly acceptance?: readonly string[];
}

/** All mutants, by unique names. */
export declare const MUTANTS: readonly Mutant[];
/** How often a mutant's `find` stands in a text. */
export declare function occurrences(text: string, mutant: Mutant): number;
