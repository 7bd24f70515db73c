/** HTML that the workbench's own server drew: inline style and SVG, every value escaped, no scripts. */

import { useLayoutEffect, useRef } from 'react';

export function Html({ html, label }: { html: string; label: string }) {
  const node = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (node.current) {
      node.current.innerHTML = html;
    }
  }, [html]);
  return <div className="wb-Html" role="region" aria-label={label} tabIndex={0} ref={node} />;
}
