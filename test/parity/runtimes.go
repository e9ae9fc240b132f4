package main

// Every runtime has a resolver and sockets of its own, or of its C library.
var everyRuntime = join(
	of("environment", "env CURRENCY", "env WITH_SPACES", "env SEVERAL_LINES", "env PAYMENT_TOKEN", "env POD_IP"),
	raw("environment", "hostname", "address"),
	of("files", "ls /etc/settings", "read /etc/settings/banner.txt", "read /etc/payment/deep/er/token", "mode /etc/payment/key.pem",
		"write /etc/settings/banner.txt", "read /opt/app/app.conf", "read "+tokens+"/namespace"),
	of("names", "lookup web", "lookup web.{namespace}.svc", "lookup db", "lookup db-0.db", "lookup alias", "lookup empty-headless", "lookup nowhere",
		"lookup nowhere.invalid", "lookup legacy", "lookup {hostname}", "lookup localhost", "lookup many", "lookupaddr {web.clusterIP}", "lookupaddr 10.1.2.3"),
	of("connections", "connect web:80", "connect {db-1.ip}:7001", "connect web:7999", "connect {web.ip}:7999", "connect empty:80", "connect nowhere:80",
		"connect {unused.ip}:80", "connect web:7003", "whoami web:80", "whoami {web.ip}:7001", "local web:80", "remote {web.clusterIP}:80",
		"halfclose web:80", "receive web:7002", "receive web:7004", "receive web:7005", "udpwhoami web:53", "udpwhoami {web.ip}:7998"),
	of("listening", "bind 0.0.0.0:8081", "bind {own.ip}:8082", "called 0.0.0.0:8080"),
	everyRuntimeByIPv6,
)

var (
	questionsOfC      = join(everyRuntime, of("names", "lookupold web", "lookupcname alias"), of("connections", "whoami [::ffff:{web.clusterIP}]:80", "connect 0.0.0.0:7999"), of("listening", "called {own.ip}:8080"))
	questionsOfPython = join(everyRuntime, of("names", "fqdn", "lookupcname alias"), of("environment", "proxies"), of("files", "create /scratch"), inTheCluster)
	questionsOfNode   = join(everyRuntime, of("names", "servers", "resolve web.{namespace}.svc.cluster.local", "resolve web", "resolve many", "resolvesrv _talk._tcp.db", "resolvecname alias"),
		of("files", "watching /scratch"), inTheCluster)
	inTheCluster = of("API server", "api /version", "api /api/v1/namespaces/{namespace}/pods", "api /api/v1/nodes")
)
