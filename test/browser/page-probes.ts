/** Scripts that run inside the page. Texts, because this project is compiled without the browser's types. */

/** Whether the chart has anything in it but the greys of its axes. */
export const CHART_HAS_INK = `(() => {
  const canvas = document.querySelector('#traffic-chart canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 200 && Math.abs(data[i] - data[i + 2]) > 60) return true;
  }
  return false;
})()`;

/** Makes the page believe that its tab went to the background. */
export const HIDE_PAGE = `(() => {
  Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
})()`;

/** What the page says about itself, for the output of a test that failed. */
export const PAGE_STATE = `['live', 'notice', 'traffic-subtitle', 'alerts-subtitle', 'packets-subtitle', 'token-reason']
  .map((id) => id + ': ' + document.getElementById(id)?.textContent.trim()).join('; ')`;

export const PAGE_WIDTH = 'document.documentElement.scrollWidth';

/** Contrast of the first element of each selector with what is behind it (WCAG 2.2, relative luminance): `{ selector, ratio }[]`. */
export function contrastOf(selectors: readonly string[]): string {
  return `(() => {
    const luminance = (color) => {
      const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((value) => {
        const part = value / 255;
        return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = (element) => {
      for (let node = element; node; node = node.parentElement) {
        const color = getComputedStyle(node).backgroundColor;
        if (!/, 0\\)|transparent/.test(color)) return color;
      }
      return 'rgb(255, 255, 255)';
    };
    return ${JSON.stringify(selectors)}.map((selector) => {
      const element = document.querySelector(selector);
      const [light, dark] = [luminance(getComputedStyle(element).color), luminance(background(element))].sort((a, b) => b - a);
      return { selector, ratio: (light + 0.05) / (dark + 0.05) };
    });
  })()`;
}
