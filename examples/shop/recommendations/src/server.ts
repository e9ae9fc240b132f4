// recommendations tells a customer what is not in the cart yet.
import cluster from 'node:cluster';
import os from 'node:os';

import express, { type Request, type Response } from 'express';

interface Cart {
  customer: string;
  lines: { item: string; cents: number }[];
}

const goods = ['apple', 'bread', 'coffee', 'honey', 'tea'];

// cartOf asks the service cart, by its name in the cluster.
async function cartOf(customer: string): Promise<Cart> {
  const answer = await fetch(`${process.env.CART_URL ?? 'http://cart'}/cart/${encodeURIComponent(customer)}`);
  if (!answer.ok) {
    throw new Error(`cart: status ${answer.status}`);
  }
  return (await answer.json()) as Cart;
}

async function recommend(request: Request<{ customer: string }>, response: Response): Promise<void> {
  const cart = await cartOf(request.params.customer);
  const there = new Set(cart.lines.map((line) => line.item));
  const items = goods.filter((item) => !there.has(item));
  const answer = { customer: cart.customer, items, season: process.env.SEASON, servedBy: os.hostname(), worker: cluster.worker?.id }; // breakpoint here
  response.json(answer);
}

function listen(): void {
  const app = express();
  app.get('/recommendations/:customer', recommend);
  app.get('/healthz', (_, response) => {
    response.json({ servedBy: os.hostname() });
  });
  const [host, port] = (process.env.LISTEN ?? '0.0.0.0:8080').split(':');
  app.listen(Number(port), host);
}

// With WORKERS, that many processes share the port.
const workers = Number(process.env.WORKERS ?? 0);
if (cluster.isPrimary && workers > 0) {
  for (let n = 0; n < workers; n++) {
    cluster.fork();
  }
} else {
  listen();
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => process.exit(0)); // as the first process of a pod it would be ignored
}
