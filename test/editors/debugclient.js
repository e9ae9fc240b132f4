// VS Code's client for tests of debug adapters debugs cart in the cluster.
'use strict';
const fs = require('fs');
const path = require('path');
const { DebugClient } = require('@vscode/debugadapter-testsupport');

const { SOURCE, LINE, ANSWERED } = process.env;
const line = Number(LINE);

async function appears(file) {
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function debug() {
  // The client starts a program with one argument, so the adapter is known by adapterID.
  const client = new DebugClient('tunnel-server', 'dap', 'go', { cwd: path.dirname(SOURCE) }, true);
  client.defaultTimeout = 90000; // the program is built first
  client.on('output', (event) => process.stderr.write(event.body.output));
  await client.start();
  const launch = { type: 'go', request: 'launch', program: path.dirname(SOURCE), kubetunnel: { service: 'cart' } };
  const [, , stack] = await client.hitBreakpoint(launch, { path: SOURCE, line });
  const frame = stack.body.stackFrames[0];
  const scopes = await client.scopesRequest({ frameId: frame.id });
  const locals = await client.variablesRequest({ variablesReference: scopes.body.scopes[0].variablesReference });
  const cart = locals.body.variables.find((v) => v.name === 'cart');
  const fields = await client.variablesRequest({ variablesReference: cart.variablesReference });
  const evaluated = await client.evaluateRequest({ expression: 'cart.Total', frameId: frame.id, context: 'watch' });
  const { threads } = (await client.threadsRequest()).body;
  const threadId = threads.find((t) => t.name.includes('handleCart')).id;
  const stepped = client.assertStoppedLocation('step', { path: SOURCE, line: line + 1 });
  await client.nextRequest({ threadId });
  const after = await stepped;
  await client.setBreakpointsRequest({ source: { path: SOURCE }, breakpoints: [] });
  await client.continueRequest({ threadId });
  await appears(ANSWERED);
  const terminated = client.waitForEvent('terminated');
  const ended = new Promise((resolve) => client._adapterProcess.on('exit', resolve));
  await client.disconnectRequest({ terminateDebuggee: true });
  await terminated;
  const code = await ended;
  return {
    function: frame.name, line: frame.line, total: fields.body.variables.find((v) => v.name === 'Total').value,
    evaluated: evaluated.body.result, next: after.body.stackFrames[0].line, code,
  };
}

debug().then((report) => console.log(`REPORT ${JSON.stringify(report)}`), (error) => {
  console.error(error);
  process.exit(1);
});
