import type { CallOptions } from '../contracts.ts';
import type { Passage, SourceDocument } from '../types.ts';

/** A file that a loader would read. */
export interface LoaderFile {
  /** Stable over runs and machines: `<folder>/<path below it>`, or the name of a file given by itself. */
  readonly key: string;
  readonly path: string;
  /** Hash of the absolute path of the given folder or file. */
  readonly origin: string;
}

export interface FileListing {
  readonly files: readonly LoaderFile[];
  /** The folders among the paths, by the first part of their keys: what is gone below them may be removed. */
  readonly roots: readonly { readonly name: string; readonly origin: string }[];
  /** Keys of files that were left out because no format fits them. */
  readonly ignored: readonly string[];
}

/** Reads files or folders. A file that cannot be read is reported, not thrown. */
export interface Loader {
  /** Names the reader and its settings: part of the hash of a source. */
  readonly id: string;
  /** The files at and below the given paths. Throws INPUT_INVALID for a path that is missing. */
  list(paths: readonly string[], options?: CallOptions): Promise<FileListing>;
  /** The documents of one file. Throws DOCUMENT_UNREADABLE with the reason. */
  load(file: Omit<LoaderFile, 'origin'>, options?: CallOptions): Promise<SourceDocument[]>;
  /** Hash of the raw content, cheap enough for every file of every run. */
  hash(file: Pick<LoaderFile, 'path'>, options?: CallOptions): Promise<string>;
}

/** Cuts a document into passages, keeping the offsets exact. */
export interface Splitter {
  /** Names the method and its settings: part of the index fingerprint of a source. */
  readonly id: string;
  split(document: SourceDocument): Promise<Passage[]>;
}
