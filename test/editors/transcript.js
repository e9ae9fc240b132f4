// Has VS Code's client for tests of debug adapters play a script of requests, and prints
// all that the adapter says, in its order: {"message"} a line, and with an answer "number" and
// "step" of what it answers. The adapter is a command in ADAPTER, as JSON, or listens at PORT.
// The SCRIPT is a JSON file; VALUES, as JSON, go in for "$NAME".
//
// A step is {"request", "arguments", "await": events, "save": {NAME: path in the body}}.
'use strict';
const fs = require('fs');
const cp = require('child_process');
const { DebugClient } = require('@vscode/debugadapter-testsupport');

class Recorder extends DebugClient {
  constructor() {
    super('', '', '');
    this.steps = {};
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  // start speaks with a command, or at a port.
  async start(command, port) {
    if (port) {
      await super.start(port);
      this._socket.on('close', this.end);
      return;
    }
    this._adapterProcess = cp.spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    this._adapterProcess.on('close', this.end);
    this.connect(this._adapterProcess.stdout, this._adapterProcess.stdin);
  }

  dispatch(body) {
    const message = JSON.parse(body);
    const number = message.request_seq;
    console.log(JSON.stringify({ number, step: this.steps[number], message }));
    if (message.type === 'request') {
      // As an editor that has no terminal.
      const answer = JSON.stringify({ seq: this.sequence++, type: 'response', request_seq: message.seq, command: message.command, success: false, message: 'not supported' });
      this.outputStream.write(`Content-Length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`);
      return;
    }
    super.dispatch(body);
  }

  // play plays one step. The answer is recorded when it is heard, so a refusal is no error.
  async play({ request, arguments: args, await: events = [] }) {
    this.steps[this.sequence] = request;
    const awaited = events.map((event) => this.hears(event));
    const answer = new Promise((resolve) => this.doSend(request, args, resolve));
    await Promise.all(awaited);
    return this.orEnd(answer, `the answer to ${request}`);
  }

  hears(event) {
    return this.orEnd(new Promise((resolve) => this.once(event, resolve)), event);
  }

  // orEnd waits for what does not come once the adapter has gone.
  orEnd(promise, what) {
    const gone = this.ended.then(() => Promise.reject(new Error(`the adapter has ended before ${what}`)));
    return Promise.race([promise, gone]);
  }
}

function filled(value, values) {
  if (typeof value === 'string' && value.startsWith('$')) {
    if (!(value.slice(1) in values)) throw new Error(`nothing is known of ${value}`);
    return values[value.slice(1)];
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, values));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v, values)]));
  return value;
}

async function main() {
  const { ADAPTER, PORT, SCRIPT, VALUES } = process.env;
  const values = JSON.parse(VALUES);
  const client = new Recorder();
  await client.start(ADAPTER && JSON.parse(ADAPTER), Number(PORT));
  let launched;
  for (const step of JSON.parse(fs.readFileSync(SCRIPT))) {
    const initialized = step.request === 'launch' && client.hears('initialized');
    const played = client.play({ ...step, arguments: filled(step.arguments, values) });
    if (step.request === 'launch') {
      // Some adapters answer it after configurationDone alone.
      launched = played;
      await initialized;
      continue;
    }
    const answer = await played;
    if (step.request === 'configurationDone') await launched;
    for (const [name, path] of Object.entries(step.save || {})) {
      values[name] = path.split('.').reduce((from, key) => from && from[key], answer.body);
      if (values[name] === undefined) throw new Error(`${step.request}: no ${path} in ${JSON.stringify(answer)}`);
    }
  }
  client.outputStream.end(); // some adapters wait for that
  await client.ended;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
