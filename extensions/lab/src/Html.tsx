/** HTML that the workbench drew: inline style and SVG, every value escaped, no scripts. */

import { useLayoutEffect, useRef } from 'react';

import { draw } from './draw';

function useDrawn(html: string) {
  const node = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (node.current) {
      draw(node.current, html);
    }
  }, [html]);
  return node;
}

/** A report. */
export function Html({ html, label }: { html: string; label: string }) {
  const node = useDrawn(html);
  return <div className="wb-Html" role="region" aria-label={label} tabIndex={0} ref={node} />;
}

/** A small drawing among text. */
export function Figure({ html }: { html: string }) {
  return <div className="wb-Figure" ref={useDrawn(html)} />;
}
