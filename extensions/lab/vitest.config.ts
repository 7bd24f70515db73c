import { readFileSync } from 'node:fs';

import { defineConfig } from 'vitest/config';

/** Lab's packages import their SVG files as text. */
const svg = {
  name: 'svg-as-text',
  enforce: 'pre' as const,
  load(id: string) {
    return id.endsWith('.svg') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined;
  }
};

export default defineConfig({
  plugins: [svg],
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['./vitest.setup.ts'],
    css: false,
    server: { deps: { inline: [/@jupyterlab\//, /@jupyter\//, /@lumino\//] } }
  }
});
