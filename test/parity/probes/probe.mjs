// The parity suite's probe by Node: libuv's sockets, getaddrinfo in its threads, and
// c-ares, which reads resolv.conf by itself. It reads lines of an id, a tab, and a
// question; it writes the answers as JSON.
import dgram from 'node:dgram'
import dns from 'node:dns/promises'
import fs from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

const patience = 5000
const calledPatience = 15000
const tokens = '/var/run/secrets/kubernetes.io/serviceaccount/'

function split (address) {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at).replace(/[[\]]/g, ''), port: Number(address.slice(at + 1)) }
}

function ownAddress (family = 'IPv4') {
  return Object.entries(os.networkInterfaces())
    .flatMap(([name, all]) => name === 'lo' ? [] : all)
    .filter(a => a.family === family && !a.address.startsWith('fe80:')).map(a => a.address).join('\n')
}

// within fails with "timeout" when it takes too long.
function within (ms, begin) {
  let clock
  return new Promise((resolve, reject) => {
    const end = begin(resolve, reject)
    clock = setTimeout(() => { reject(Object.assign(new Error('timeout'), { code: 'timeout' })); end() }, ms)
  }).finally(() => clearTimeout(clock))
}

// talk connects, sends a line, and gives what has come when the far side has ended.
function talk (address, line, done) {
  return within(patience, (resolve, reject) => {
    const socket = net.connect({ ...split(address), autoSelectFamily: false })
    let bytes = 0
    let text = ''
    socket.on('connect', () => {
      if (done) { resolve(done(socket)); socket.destroy(); return }
      socket.end(line)
    })
    socket.on('data', b => { bytes += b.length; text = (text + b.toString('latin1')).slice(0, 2000) })
    socket.on('end', () => resolve(bytes > 2000 ? `${bytes} bytes` : text))
    socket.on('error', reject)
    return () => socket.destroy()
  })
}

function udp (address) {
  return within(patience, (resolve, reject) => {
    const { host, port } = split(address)
    const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4')
    socket.on('message', m => { resolve(m.toString()); socket.close() })
    socket.on('error', e => { reject(e); socket.close() })
    socket.connect(port, host, e => e ? reject(e) : socket.send('who\n'))
    return () => socket.close()
  })
}

function bind (address) {
  return within(patience, (resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(split(address), () => server.close(() => resolve('listening')))
    return () => server.close()
  })
}

function called (address) {
  return within(calledPatience, (resolve, reject) => {
    const server = net.createServer(socket => {
      const from = socket.remoteAddress
      socket.on('error', () => {})
      socket.once('data', b => {
        socket.end('seen\n')
        if (b.toString().trim() === 'caller') server.close(() => resolve('from ' + from))
      })
    })
    server.on('error', reject)
    server.listen(split(address))
    return () => server.close()
  })
}

function api (where) {
  return within(2 * patience, (resolve, reject) => {
    const request = https.get({
      host: process.env.KUBERNETES_SERVICE_HOST,
      port: process.env.KUBERNETES_SERVICE_PORT,
      path: where,
      ca: fs.readFileSync(tokens + 'ca.crt'),
      agent: false,
      headers: { authorization: 'Bearer ' + fs.readFileSync(tokens + 'token') }
    }, answer => { answer.resume(); answer.on('end', () => resolve(String(answer.statusCode))) })
    request.on('error', reject)
    return () => request.destroy()
  })
}

// watching tells whether a folder can be watched, as development servers do.
function watching (folder) {
  return within(patience, (resolve, reject) => {
    const file = path.join(folder, 'kubetunnel-parity-node')
    const watcher = fs.watch(folder, (event, name) => { resolve(`${event} ${name}`); watcher.close() })
    watcher.on('error', reject)
    fs.writeFileSync(file, 'made')
    fs.rmSync(file)
    return () => watcher.close()
  })
}

function listing (folder) {
  return fs.readdirSync(folder, { withFileTypes: true })
    .map(e => e.isSymbolicLink() ? `${e.name} -> ${fs.readlinkSync(path.join(folder, e.name))}` : e.name).sort().join('\n')
}

function write (file) {
  fs.closeSync(fs.openSync(file, 'a'))
  return 'can be written'
}

const lines = found => [...new Set(found)].sort().join('\n')

const verbs = {
  env: name => process.env[name] ?? 'not set',
  hostname: () => os.hostname(),
  address: () => ownAddress(),
  address6: () => ownAddress('IPv6'),
  ls: listing,
  read: file => fs.readFileSync(file, 'utf8'),
  mode: file => fs.statSync(file).mode.toString(8),
  write,
  watching,
  lookup: async name => lines((await dns.lookup(name, { all: true })).map(a => a.address)),
  resolve: async name => lines(await dns.resolve4(name)),
  resolvesrv: async name => lines((await dns.resolveSrv(name)).map(r => `${r.name}:${r.port}`)),
  resolvecname: async name => lines(await dns.resolveCname(name)),
  lookupaddr: async address => lines(await dns.reverse(address)),
  servers: () => lines(dns.getServers()),
  connect: address => talk(address, '', () => 'connected'),
  local: address => talk(address, '', s => s.localAddress),
  remote: address => talk(address, '', s => s.remoteAddress),
  whoami: address => talk(address, 'who\n'),
  halfclose: address => talk(address, 'count\n' + 'x'.repeat(1000)),
  receive: address => talk(address, 'go\n'),
  udpwhoami: udp,
  bind,
  called,
  api
}

async function answer (question) {
  const [verb, ...args] = question.replace('{own.ip}', ownAddress).replace('{hostname}', () => os.hostname()).split(' ')
  if (!verbs[verb]) return 'this probe does not know the question'
  try {
    return String(await verbs[verb](...args)).trimEnd()
  } catch (e) {
    return 'error: ' + (e.code ?? e.message)
  }
}

const answers = {}
for (const line of fs.readFileSync(0, 'utf8').split('\n')) {
  const [id, question] = line.split('\t')
  if (question) answers[id] = await answer(question)
}
console.log(JSON.stringify(answers))
