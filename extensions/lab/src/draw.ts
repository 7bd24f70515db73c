/** Drawing the HTML of the workbench's results. */

/** Parts of reports that scroll sideways where they are wider than their place. */
const SCROLLED = '.wb-wide, .wb-code, .wb-diagram';

/** Draw HTML in a node; what scrolls there can be reached by keyboard. */
export function draw(node: HTMLElement, html: string): void {
  node.innerHTML = html;
  for (const part of node.querySelectorAll<HTMLElement>(SCROLLED)) {
    part.tabIndex = 0;
  }
}
