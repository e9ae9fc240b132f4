// Stands in for cart, in Node: answers each call with what it finds in the pod.
const http = require('node:http');
const os = require('node:os');

const [host, port] = process.env.LISTEN.split(':');
http.createServer((request, response) => {
  const answer = { servedBy: os.hostname(), currency: process.env.CURRENCY };
  response.end(JSON.stringify(answer)); // breakpoint here
}).listen(Number(port), host);
