// Asks a Service by name and reads a mounted file.
const fs = require('node:fs');
const http = require('node:http');

const target = 'http://prices/prices/apple';
const [major, minor] = process.versions.node.split('.').map(Number);

// Node 24 and 22.21 heed the proxy variables by themselves. For older ones a program
// has a proxy agent, which does no more than this for plain HTTP.
function get(done) {
  if (major >= 24 || (major === 22 && minor >= 21)) {
    console.log('proxy variables: heeded');
    return http.get(target, done);
  }
  const proxy = new URL(process.env.HTTP_PROXY);
  return http.get({ host: proxy.hostname, port: proxy.port, path: target, headers: { Host: new URL(target).host } }, done);
}

get((response) => {
  let body = '';
  response.setEncoding('utf8');
  response.on('data', (part) => { body += part; });
  response.on('end', () => {
    const banner = fs.readFileSync((process.env.KUBETUNNEL_ROOT || '') + '/etc/cart/banner.txt', 'utf8');
    console.log(`service: ${response.statusCode} ${body}\nfile: ${banner}\nvariable: ${process.env.REGION}`);
  });
}).on('error', (err) => { throw err; });
