package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// targetFlags are the flags that tell which Service a session stands in for, and how.
type targetFlags struct {
	cmd      *cobra.Command
	service  string
	target   protocol.Target
	bare     bool
	forwards []string
	lease    time.Duration
}

func addTargetFlags(cmd *cobra.Command) *targetFlags {
	f := &targetFlags{cmd: cmd}
	flags := cmd.Flags()
	flags.StringVar(&f.service, "service", "", "the Service to stand in for")
	flags.StringVar(&f.target.Port, "service-port", "", "the Service's port, by name or number (default: all)")
	flags.IntVar(&f.target.LocalPort, "port", 0, "where the program listens (default: the Service's target port)")
	flags.BoolVar(&f.bare, "no-inherit", false, "go without the app's environment, files and identity")
	flags.StringArrayVar(&f.forwards, "forward", nil, "reach HOST:PORT of the cluster at 127.0.0.1:LOCALPORT meanwhile, as LOCALPORT:HOST:PORT")
	flags.StringSliceVar(&f.target.ViaCluster, "via-cluster", nil, "addresses, ranges and domains to reach from the pod, though they don't seem the cluster's")
	flags.StringSliceVar(&f.target.ViaWorkstation, "via-workstation", nil, "those to reach from this machine, though they seem the cluster's (a VPN's, say)")
	flags.DurationVar(&f.lease, "lease", f.target.Lease(), "how long the session outlives its connection to the cluster, on a laptop that sleeps, say")
	return f
}

// read gives the target once the command line is known.
func (f *targetFlags) read(kubeContext string) (target protocol.Target, err error) {
	target = f.target
	if target.Namespace, target.Service, err = splitService(f.service); err != nil {
		return target, err
	}
	if target.Forwards, err = parseForwards(f.forwards); err != nil {
		return target, err
	}
	if f.cmd.Flags().Changed("lease") {
		target.LeaseSeconds = int(f.lease.Seconds())
	}
	inherit := !f.bare
	target.Context, target.Inherit = kubeContext, &inherit
	return target, nil
}

// given tells whether a Service was named, or another of these flags was set without one.
func (f *targetFlags) given() (service, others bool) {
	for _, name := range []string{"service-port", "port", "no-inherit", "forward", "via-cluster", "via-workstation", "lease"} {
		others = others || f.cmd.Flags().Changed(name)
	}
	return f.cmd.Flags().Changed("service"), others
}
