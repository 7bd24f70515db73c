/** HTML that the workbench drew: inline style and SVG, every value escaped, no scripts. */

import { useLayoutEffect, useRef } from 'react';

import { draw } from './draw';

export function Html({ html, label }: { html: string; label: string }) {
  const node = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (node.current) {
      draw(node.current, html);
    }
  }, [html]);
  return <div className="wb-Html" role="region" aria-label={label} tabIndex={0} ref={node} />;
}
