/** Puts the dashboard into its page. */
import { render } from 'preact';
import { App } from './app.js';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/tables.css';
import './styles/pages.css';
import './styles/media.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
