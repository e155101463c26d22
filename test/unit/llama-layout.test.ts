import { ChatMLChatWrapper } from 'node-llama-cpp';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/backends/llama-layout.ts';
import { parsePrompt } from '../../src/prompts.ts';

const wrapper = new ChatMLChatWrapper();
const layout = (body: string) =>
  layoutOf(parsePrompt(`id: demo@1\nversion: 1\nvariables: question, passage\nfor: sample\n${body}`), wrapper);

describe('layout of a prompt', () => {
  it('has no template around a completion, and a part from each value on', () => {
    expect(layout('--- text\nAnswer.\n\nPassage: {{passage}}\nQuestion:  {{question}}\nAnswer:\n')).toEqual([
      [{ builtin: 'BOS' }, { text: 'Answer.\n\nPassage:' }],
      [{ text: ' ' }, { variable: 'passage' }, { text: '\nQuestion:' }],
      [{ text: '  ' }, { variable: 'question' }, { text: '\nAnswer:' }],
    ]);
  });

  it('has a value first and last, and one that stands twice', () => {
    expect(layout('--- text\n{{question}}{{passage}}\n{{question}}\n')).toEqual([
      [{ builtin: 'BOS' }],
      [{ variable: 'question' }],
      [{ variable: 'passage' }, { text: '\n' }],
      [{ variable: 'question' }],
    ]);
  });

  it('has the template around a chat', () => {
    expect(layout('--- system\nJudge.\n--- user\nP: {{passage}}\n--- assistant\n{{question}}\n')).toEqual([
      [
        { builtin: 'BOS' },
        { special: '<|im_start|>system\n' },
        { text: 'Judge.' },
        { special: '<|im_end|>\n<|im_start|>user\n' },
        { text: 'P:' },
      ],
      [{ text: ' ' }, { variable: 'passage' }, { special: '<|im_end|>\n<|im_start|>assistant\n' }],
      [{ variable: 'question' }],
    ]);
  });
});
