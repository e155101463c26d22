// What the packed package must hold, what it must not, and how large it may be.

/** Bytes of the packed file; nearly all of it are the weights of the shipped critics. */
export const MAX_PACKED = 20e6;
/** Bytes of code and types, unpacked. */
export const MAX_CODE = 3e6;

export const MUST_HOLD = [
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'LICENSES.md',
  'dist/cli/main.js',
  'critics/mini/1/CARD.md',
  'critics/mini/1/critic.json',
  'critics/mini/1/model.onnx',
  'critics/gate/1/gate.json',
  'prompts/lock.json',
];

/** The only places that files may come from. */
const MAY_HOLD = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|LICENSES\.md)$/,
  /^dist\/.+\.(js|d\.ts)$/,
  /^critics\/(?!train\/).+\.(json|onnx|md)$/,
  /^prompts\/[\w.-]+\.(md|json)$/,
];

const MUST_NOT_HOLD = [
  [/\.(test|spec|bench)\.(js|ts|d\.ts)$/, 'a test'],
  [/(?<!\.d)\.ts$/, 'a source'],
  [/\.map$/, 'a source map'],
  [
    /(^|\/)(node_modules|\.cache|coverage|__pycache__|\.git|\.discern|test|bench|examples)\//,
    'a folder of the checkout',
  ],
  [/^critics\/train\//, 'training'],
  [/\.(jsonl|csv|tsv|parquet|gguf|safetensors|pt|py|pdf|tgz|zip|bin|npy)$/, 'data'],
  [/(^|\/)\.(env|npmrc|netrc)|\.(pem|key|p12)$|(^|\/)id_(rsa|ed25519)/, 'a secret'],
];

const KEYS =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36}|npm_[A-Za-z0-9]{36}|AKIA[A-Z0-9]{16})\b/;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

const isCode = (path) => path.startsWith('dist/');

/**
 * What is wrong with a package: one sentence each, none when it is right. `files` have a path and a size in bytes;
 * `read` gives the text of one of them.
 */
export function contentFaults({ files, size, manifest, read }) {
  const paths = files.map(({ path }) => path);
  const held = new Set(paths);
  const code = files.filter(({ path }) => isCode(path)).reduce((sum, file) => sum + file.size, 0);
  const named = Object.values(manifest.exports).flatMap((target) => Object.values(target ?? {}));
  const wanted = [...MUST_HOLD, ...named.filter((path) => path.startsWith?.('./dist') && !path.includes('*'))];
  const texts = paths.filter((path) => /\.(js|ts|json|md)$/.test(path) && !path.endsWith('tokenizer.json'));
  return [
    ...wanted
      .map((path) => path.replace(/^\.\//, ''))
      .filter((path) => !held.has(path))
      .map((path) => `${path} is missing`),
    ...paths.filter((path) => !MAY_HOLD.some((place) => place.test(path))).map((path) => `${path} is unexpected`),
    ...paths.flatMap((path) =>
      MUST_NOT_HOLD.filter(([name]) => name.test(path)).map(([, what]) => `${path} is ${what}`),
    ),
    ...texts.filter((path) => KEYS.test(read(path))).map((path) => `${path} has what looks like a key`),
    ...paths
      .filter((path) => isCode(path) && path.endsWith('.js') && !held.has(path.replace(/\.js$/, '.d.ts')))
      .map((path) => `${path} has no types`),
    ...INSTALL_SCRIPTS.filter((name) => manifest.scripts?.[name]).map((name) => `package.json has a script ${name}`),
    ...(size > MAX_PACKED ? [`${size} bytes packed, at most ${MAX_PACKED}`] : []),
    ...(code > MAX_CODE ? [`${code} bytes of code, at most ${MAX_CODE}`] : []),
  ];
}
