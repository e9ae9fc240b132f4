package debug

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
)

// Whose value counts for a debuggee, from the weakest:
//
//  1. the workstation's environment, without what the sandbox takes out of it
//     (namespaces: proxies and a kubeconfig, which a pod would not have);
//  2. the pod's, but for workstationOwn: variables that describe the container's
//     file system, user or machine, none of which is there in any mode;
//  3. the sandbox's (loopback: proxies, as the pod's own are reachable from the pod
//     alone; namespaces: the pod's host name). Variables that hold many options are
//     shared, see joined;
//  4. the user's: envFile, then "env" of the launch configuration; null unsets.
//
// The build sees 1 and 4 only.

// workstationOwn are variables that stay the workstation's, by what they describe.
var workstationOwn = [][]string{
	// Where programs and libraries are. The container's paths don't exist here, and a
	// wrong one keeps the debuggee, or every program, from starting.
	{"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_*", "GOROOT", "JAVA_HOME", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV",
		"NODE_PATH", "GEM_HOME", "GEM_PATH", "PERL5LIB", "CLASSPATH"},
	// Certificates by path: a missing file makes TLS fail altogether.
	{"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"},
	// Folders of the user and of the moment.
	{"HOME", "PWD", "OLDPWD", "TMPDIR", "TMP", "TEMP", "XDG_*"},
	// Who and where.
	{"USER", "LOGNAME", "USERNAME", "HOSTNAME", "MAIL"},
	// The terminal and its language; a locale that isn't installed makes programs warn or fail.
	{"SHELL", "SHLVL", "TERM", "COLORTERM", "LANG", "LANGUAGE", "LC_*", "_"},
	// Windows can't start a program without these.
	{"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"},
	// Our own.
	{"KUBETUNNEL_*"},
}

// staysWorkstations tells whether a pod's variable is left out.
func staysWorkstations(name string) bool {
	for _, group := range workstationOwn {
		for _, pattern := range group {
			if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, prefix) {
				return true
			}
			if sameName(name, pattern) {
				return true
			}
		}
	}
	return false
}

func sameName(a, b string) bool {
	return a == b || (runtime.GOOS == "windows" && strings.EqualFold(a, b))
}

// variables are environment variables to set, nil to unset.
type variables map[string]*string

func (v variables) set(name, value string) { v[name] = &value }

// add takes "NAME=value" entries; keep decides.
func (v variables) add(env []string, keep func(name string) bool) {
	for _, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if ok && name != "" && !strings.ContainsRune(entry, 0) && (keep == nil || keep(name)) {
			v.set(name, value)
		}
	}
}

func (v variables) merge(over variables) {
	for name, value := range over {
		v[name] = value
	}
}

// gone are the names of those that are to be unset.
func (v variables) gone() []string {
	var names []string
	for name, value := range v {
		if value == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// apply changes an environment.
func (v variables) apply(env []string) []string {
	var out []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		overridden := false
		for other := range v {
			overridden = overridden || sameName(name, other)
		}
		if !overridden {
			out = append(out, entry)
		}
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if value := v[name]; value != nil {
			out = append(out, name+"="+*value)
		}
	}
	return out
}

// over gives the whole environment as variables, where these change another.
func (v variables) over(env []string) variables {
	whole := variables{}
	whole.add(v.apply(env), nil)
	return whole
}

// joined are variables of options, where a later option takes an earlier one's place:
// the sandbox's come after the pod's and before the user's own.
var joined = []string{"JAVA_TOOL_OPTIONS"}

// join puts the sandbox's options among the others. One that the user unsets stays so.
func (v variables) join(workstation, pod, extra []string, user variables) {
	for _, name := range joined {
		ours := getEnv(extra, name)
		if ours == "" {
			continue
		}
		own, set := user[name]
		switch {
		case set && own == nil:
		case set:
			v.set(name, spaced(ours, *own))
		case getEnv(pod, name) != "":
			v.set(name, spaced(getEnv(pod, name), ours))
		default:
			v.set(name, spaced(ours, getEnv(workstation, name)))
		}
	}
}

func spaced(first, second string) string { return strings.TrimSpace(first + " " + second) }

// podVariables are what the debuggee gets over the workstation's environment: the
// pod's, then the sandbox's, then the user's. A name alone among the sandbox's takes
// the workstation's variable out.
func podVariables(workstation, pod, extra []string, user variables) variables {
	v := variables{}
	for _, entry := range extra {
		if entry != "" && !strings.Contains(entry, "=") {
			v[entry] = nil
		}
	}
	v.add(pod, func(name string) bool { return !staysWorkstations(name) })
	v.add(extra, nil)
	v.merge(user)
	v.join(workstation, pod, extra, user)
	return v
}

// MergeEnvironment gives the whole environment of a debuggee: the workstation's, the
// pod's, what the sandbox adds, and the user's own (nil unsets).
func MergeEnvironment(workstation, pod, extra []string, user map[string]*string) []string {
	return podVariables(workstation, pod, extra, user).apply(workstation)
}

// Variables is how the environment of a debuggee differs from the workstation's: what to
// set, and nil for what to take out. User variables are as in MergeEnvironment.
func Variables(workstation, pod, extra []string, user map[string]*string) map[string]*string {
	changes := podVariables(workstation, pod, extra, user)
	for name, value := range changes {
		is, set := findEnv(workstation, name)
		if value == nil && !set || value != nil && set && *value == is {
			delete(changes, name)
		}
	}
	return changes
}

// getEnv gives the last value of a name.
func getEnv(env []string, name string) string {
	value, _ := findEnv(env, name)
	return value
}

func findEnv(env []string, name string) (value string, set bool) {
	for _, entry := range slices.Backward(env) {
		if key, value, ok := strings.Cut(entry, "="); ok && sameName(key, name) {
			return value, true
		}
	}
	return "", false
}

// userVariables reads a configuration's own variables, in either form.
func userVariables(raw json.RawMessage) (variables, error) {
	v := variables{}
	if len(raw) == 0 {
		return v, nil
	}
	objectErr := json.Unmarshal(raw, &v)
	if objectErr == nil {
		if v == nil {
			v = variables{}
		}
		return v, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil, objectErr
	}
	v = variables{}
	v.add(list, nil)
	return v, nil
}

// encode gives variables in the form that an adapter takes. A list can't unset.
func (v variables) encode(form envForm) any {
	if form != envList {
		return v
	}
	return v.apply(nil)
}
