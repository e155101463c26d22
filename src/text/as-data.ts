// What chat templates and their tokenizers take for control tokens.
const CONTROL =
  /<(?=[|｜])|<(?=\/?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|think|tool_call|tool_response)>)|<(?=<\/?SYS>>)|\[(?=\/?(?:INST|SYSTEM_PROMPT|THINK|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])/gi;

/** A text as data: servers that apply a template themselves read control tokens in it, so these get a space inside. */
export const asData = (text: string): string => wellFormed(text).replace(CONTROL, '$& ');

/** Servers refuse JSON with lone surrogates, and some end a text at a null. */
export const wellFormed = (text: string): string =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|\0/g, '\uFFFD');
