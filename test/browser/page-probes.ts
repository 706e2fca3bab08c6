/** Scripts that run inside the page. Texts, because this project is compiled without the browser's types. */

/** Whether the chart has anything in it but the greys of its axes. */
export const CHART_HAS_INK = `(() => {
  const canvas = document.querySelector('#traffic canvas');
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
export const PAGE_STATE = `location.href + ': ' + document.body.innerText.slice(0, 1500)`;

export const PAGE_WIDTH = 'document.documentElement.scrollWidth';
