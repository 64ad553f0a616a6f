// What a backtest found.
import { Card } from './ui.jsx';

export function BacktestResult({ result }) {
  return <Card title="What it would have done"><pre class="difference">{JSON.stringify(result, null, 2)}</pre></Card>;
}
