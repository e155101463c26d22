/** What a backend turned out to give, asked with one tiny request: declared once, in the trace and in `discern doctor`. */
export interface Capabilities {
  /**
   * Log-probabilities of next tokens: `raw` is the model's own distribution, `sampled` what is left of it after sampling
   * settings; `unknown` where the backend does not say which.
   */
  readonly logprobs: 'raw' | 'sampled' | 'unknown' | 'none';
  /** Alternatives of one token that it gives at most; null without log-probabilities, Infinity never: JSON has none. */
  readonly top: number | null;
  /** Alternatives come with token ids, so labels need not be compared as text. */
  readonly tokenIds: boolean;
  /** Every label is one token; null where the backend cannot tell. */
  readonly singleTokenLabels: boolean | null;
  /** The first tokens are thought, not the answer; null where it cannot tell. */
  readonly thinksFirst: boolean | null;
  /** An answer can be begun for the model; null where it cannot tell. */
  readonly prefill: boolean | null;
  /** What a person should know besides, a sentence each. */
  readonly notes: readonly string[];
}
