package sandbox

import "runtime"

// loopbackLimits says what a debuggee in this mode does not get of the pod.
func loopbackLimits() []string {
	limits := []string{
		"Cluster addresses are reached through HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (SOCKS5), and in Java through JAVA_TOOL_OPTIONS: programs that ignore these, raw TCP of database drivers for instance, don't reach them. Node's own http and fetch need Node 24, or 22.21; older ones a proxy agent.",
		"DNS is the workstation's: cluster names are resolved by the proxy, not by the program itself; UDP into the cluster does not work.",
		"Files of the pod's mounts (ConfigMaps, Secrets, volumes, the service account's token) are not at their paths, but below the folder that " + RootVariable + " names: /etc/app/config is $" + RootVariable + "/etc/app/config.",
		"Host name, IP address, user and file system are the workstation's; of the pod's environment, variables that describe these are left out.",
		"Ports are the workstation's own: a port that another program holds is not free for the debuggee, and callers appear as coming from 127.0.0.1.",
	}
	switch runtime.GOOS {
	case "linux":
	case "darwin":
		limits = append(limits, "On macOS it can't be told which process listens on a port, a daemon that has left its process group is not ended with the session, and other users of this machine can use the session's proxies.")
	case "windows":
		limits = append(limits, "Windows must let you make symbolic links (Developer Mode) for the pod's files.", "On Windows it can't be told which process listens on a port, processes are ended without a chance to finish, other users of this machine can use the session's proxies, and a program that the editor starts in its own terminal does not join the session.")
	default:
		limits = append(limits, "On this system it can't be told which process listens on a port.")
	}
	return limits
}

// namespacesLimits says what a debuggee in namespaces does not get of the pod.
func namespacesLimits() []string {
	return []string{
		"Programs, libraries and the rest of the file system are the workstation's, and so are user, kernel, and the limits on memory and processors.",
	}
}
