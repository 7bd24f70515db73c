// Bundles Vega, Vega-Lite and vega-embed into one module for the interactive charts of the notebook, and keeps the
// licences of what is in it beside it. The widget hands the module to the page, so that nothing is fetched.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

const ROOT = import.meta.dirname;
const BUILT = join(ROOT, '../../workbench/notebook/explorer/vega.js');
const PACKAGE = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

const { metafile } = await build({
  stdin: { contents: "export { default as vegaEmbed } from 'vega-embed';", resolveDir: ROOT },
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  outfile: BUILT
});

const folders = new Set(Object.keys(metafile.inputs).flatMap(path => path.match(PACKAGE)?.[0] ?? []));
const licences = [...folders].sort().map(folder => {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(ROOT, folder)).find(each => /^licen[cs]e/i.test(each));
  return `${name} ${version}, ${license}\n\n${file ? readFileSync(join(ROOT, folder, file), 'utf8') : ''}`;
});
writeFileSync(`${BUILT}.LICENSE.txt`, licences.map(each => `${each.trim()}\n`).join(`\n${'-'.repeat(80)}\n\n`));
