import { z } from 'zod';
import type { CallOptions } from '../../contracts.ts';
import { type Prompt, renderParts } from '../../prompts.ts';
import type { LabelRequest } from '../llama-labels.ts';
import { endsInThought, THOUGHT_MARKS, wellFormed } from './route-text.ts';
import { type FirstToken, likeliest, type RouteContext } from './route-types.ts';

/** A prompt as a server of llama.cpp gets it: tokens only, so no text of a value can be read as a control token. */
export interface LlamaPrompt {
  readonly tokens: readonly number[];
  /** The template begins a thought itself. */
  readonly thinks: boolean;
}

export interface LlamaServer {
  /** The tokens of each text, with nothing in it taken for a control token. */
  tokenize(texts: readonly string[], call: CallOptions): Promise<number[][]>;
  /** One for each request, cut to the context of the server as `prompted` cuts its own. */
  prompts(requests: readonly LabelRequest[], call: CallOptions): Promise<LlamaPrompt[]>;
  /** The same, as a thought where the likeliest token begins one: the text of a control token is empty. */
  marked(first: FirstToken): Promise<FirstToken>;
}

/** A value with the text around it up to the next control token, then tokens that are always the same. */
interface Part {
  readonly variable: string;
  readonly before: string;
  readonly after: string;
  readonly tokens: readonly number[];
}

interface Layout {
  readonly head: readonly number[];
  readonly parts: readonly Part[];
  readonly thinks: boolean;
}

interface Setup {
  readonly contextSize: number;
  readonly systemRole: boolean;
  /** A control token, which no text can give: it separates texts that are tokenised in one request. */
  readonly separator: number | null;
  readonly thoughts: ReadonlySet<number>;
}

export const PropsSchema = z.object({
  default_generation_settings: z.object({ n_ctx: z.int().min(1) }),
  bos_token: z.string().nullish(),
  eos_token: z.string().nullish(),
  chat_template_caps: z.object({ supports_system_role: z.boolean().optional() }).nullish(),
});
const TokensSchema = z.object({ tokens: z.array(z.int()) });
const PiecesSchema = z.object({
  tokens: z.array(z.object({ id: z.int(), piece: z.union([z.string(), z.array(z.int())]) })),
});
const TemplateSchema = z.object({ prompt: z.string() });

// Private-use characters: they pass every chat template unchanged and stand in no template.
const mark = (index: number) => `\uE000${index}\uE001`;
const MARK = /\uE000(\d+)\uE001/;

/** Characters of texts that are tokenised in one request. */
const PORTION = 250_000;
/** Bounds the work on a text of which most would be cut anyway. */
const MAX_CHARS_PER_TOKEN = 6;

/** Splits tokens at a separator, behind which each text's own begin. */
function splitAt(tokens: readonly number[], separator: number): number[][] {
  const lists: number[][] = [];
  for (const token of tokens)
    if (token === separator) lists.push([]);
    else lists.at(-1)?.push(token);
  return lists;
}

export function llamaServer({ client }: RouteContext): LlamaServer {
  let known: Promise<Setup> | null = null;
  const layouts = new Map<string, Promise<Layout>>();

  const tokensOf = async (content: unknown, special: boolean, begins: boolean, call: CallOptions) => {
    const body = { content, add_special: begins, parse_special: special };
    return (await client.ask({ path: '/tokenize', body, schema: TokensSchema }, call)).tokens;
  };

  async function tokenizeAll(
    texts: readonly string[],
    separator: number | null,
    special: boolean,
    call: CallOptions,
  ): Promise<number[][]> {
    if (separator === null) return Promise.all(texts.map((text) => tokensOf(text, special, false, call)));
    const portions: string[][] = [];
    let size = Number.POSITIVE_INFINITY;
    for (const text of texts) {
      if (size + text.length > PORTION) {
        portions.push([]);
        size = 0;
      }
      portions.at(-1)!.push(text);
      size += text.length;
    }
    const lists = await Promise.all(
      portions.map(async (portion) => {
        const content = portion.flatMap((text) => [separator, text]);
        const found = splitAt(await tokensOf(content, special, false, call), separator);
        // Some models have it as an ordinary token, which a text can give too.
        return found.length === portion.length ? found : tokenizeAll(portion, null, special, call);
      }),
    );
    return lists.flat();
  }

  async function setUp(): Promise<Setup> {
    const props = await client.ask({ path: '/props', schema: PropsSchema });
    const control = [props.eos_token, props.bos_token].find((token) => token);
    const [separator, ...more] = control ? await tokensOf(control, true, false, {}) : [];
    const single = separator !== undefined && more.length === 0 ? separator : null;
    const marks = await tokenizeAll(THOUGHT_MARKS, null, true, {});
    return {
      contextSize: props.default_generation_settings.n_ctx,
      systemRole: props.chat_template_caps?.supports_system_role !== false,
      separator: single,
      thoughts: new Set(marks.filter(({ length }) => length === 1).flat()),
    };
  }

  const setup = (): Promise<Setup> => {
    known ??= setUp().catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };

  /** The prompt in the chat template, with marks in the places of values. */
  async function rendered(prompt: Prompt, systemRole: boolean): Promise<{ text: string; names: string[] }> {
    const names: string[] = [];
    const values = Object.fromEntries(prompt.variables.map((name) => [name, '']));
    const messages = renderParts(prompt, values).map(({ role, parts }) => ({
      role,
      content: parts.map((part) => ('trusted' in part ? part.trusted : mark(names.push(part.variable) - 1))).join(''),
    }));
    if (prompt.style === 'completion') return { text: messages[0]!.content, names };
    const [first, second, ...rest] = messages;
    const merged =
      !systemRole && first?.role === 'system' && second
        ? [{ role: second.role, content: `${first.content}\n\n${second.content}` }, ...rest]
        : messages;
    const body = { messages: merged, chat_template_kwargs: { enable_thinking: false } };
    const { prompt: text } = await client.ask({ path: '/apply-template', body, schema: TemplateSchema });
    return { text, names };
  }

  /** The control tokens among the tokens of texts: those that the same text does not give when it is data. */
  async function controlsIn(texts: readonly string[], separator: number | null): Promise<string[]> {
    const body = { content: texts, add_special: false, parse_special: true, with_pieces: true };
    const { tokens } = await client.ask({ path: '/tokenize', body, schema: PiecesSchema });
    const pieces = new Map(tokens.flatMap(({ id, piece }) => (typeof piece === 'string' ? [[piece, id]] : [])));
    const names = [...pieces.keys()].filter((piece) => piece !== '');
    const plain = await tokenizeAll(names, separator, false, {});
    return names.filter((name, i) => plain[i]!.length !== 1 || plain[i]![0] !== pieces.get(name));
  }

  async function layOut(prompt: Prompt): Promise<Layout> {
    const { separator, systemRole } = await setup();
    const { text, names } = await rendered(prompt, systemRole);
    const pieces = text.split(MARK);
    // A space before a value belongs to the value's first token.
    const texts = pieces.filter((_, i) => i % 2 === 0);
    const last = texts.length - 1;
    const fixed = texts.map((piece, i) => (i < last ? piece.replace(/ +$/, '') : piece));
    const controls = await controlsIn(fixed, separator);
    const parts = await Promise.all(
      fixed.slice(1).map(async (piece, i): Promise<Part> => {
        const at = Math.min(...controls.map((name) => piece.indexOf(name)).filter((found) => found >= 0), piece.length);
        const rest = piece.slice(at);
        return {
          variable: names[Number(pieces[2 * i + 1])]!,
          before: texts[i]!.slice(fixed[i]!.length),
          after: piece.slice(0, at),
          tokens: rest === '' ? [] : await tokensOf(rest, true, false, {}),
        };
      }),
    );
    return { head: await tokensOf(fixed[0], true, true, {}), parts, thinks: endsInThought(text) };
  }

  function layoutOf(prompt: Prompt): Promise<Layout> {
    const laidOut =
      layouts.get(prompt.hash) ??
      layOut(prompt).catch((error: unknown) => {
        layouts.delete(prompt.hash);
        throw error;
      });
    layouts.set(prompt.hash, laidOut);
    return laidOut;
  }

  /** Each value may take half of what is left, the last all of it; `answerSoFar` loses its beginning, the others their end. */
  async function shortened(
    { head, parts }: Layout,
    values: Readonly<Record<string, string>>,
    { separator, contextSize }: Setup,
    call: CallOptions,
  ): Promise<number[]> {
    const texts = parts.flatMap(({ variable, before, after }) => [before + values[variable]!, after]);
    const tokens = await tokenizeAll(texts, separator, false, call);
    const cuts = parts.map((_, i) => tokens[2 * i]!);
    const after = parts.map((part, i) => [...tokens[2 * i + 1]!, ...part.tokens]);
    let left = contextSize - 2 - head.length - after.flat().length;
    const names = Object.keys(values);
    names.forEach((name, i) => {
      const most = Math.max(0, i === names.length - 1 ? left : Math.floor(left / 2));
      parts.forEach(({ variable }, at) => {
        if (variable !== name) return;
        const whole = cuts[at]!;
        if (whole.length > most)
          cuts[at] = name === 'answerSoFar' ? whole.slice(whole.length - most) : whole.slice(0, most);
        left -= cuts[at]!.length;
      });
    });
    return [...head, ...parts.flatMap((_, i) => [...cuts[i]!, ...after[i]!])];
  }

  return {
    async tokenize(texts, call) {
      return tokenizeAll(texts, (await setup()).separator, false, call);
    },
    async prompts(requests, call) {
      const found = await setup();
      const most = found.contextSize * MAX_CHARS_PER_TOKEN;
      const asked = await Promise.all(
        requests.map(async ({ prompt, values }) => ({
          layout: await layoutOf(prompt),
          values: Object.fromEntries(
            Object.entries(values).map(([name, text]) => [
              name,
              wellFormed(name === 'answerSoFar' ? text.slice(-most) : text.slice(0, most)),
            ]),
          ),
        })),
      );
      const texts = asked.flatMap(({ layout, values }) =>
        layout.parts.map(({ variable, before, after }) => before + values[variable]! + after),
      );
      const tokens = await tokenizeAll(texts, found.separator, false, call);
      let at = 0;
      return Promise.all(
        asked.map(async ({ layout, values }) => {
          const whole = [...layout.head, ...layout.parts.flatMap((part) => [...tokens[at++]!, ...part.tokens])];
          const fits = whole.length <= found.contextSize - 2;
          return { tokens: fits ? whole : await shortened(layout, values, found, call), thinks: layout.thinks };
        }),
      );
    },
    async marked(first) {
      const { thoughts } = await setup();
      const id = likeliest(first)?.id ?? null;
      return id !== null && thoughts.has(id) ? { ...first, thinks: true } : first;
    },
  };
}
