// Command tunnel-operator is the controller that switches Services and makes agents.
// Any number of it may run: they elect the one that acts.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/controller"
	"github.com/kubetunnel/kubetunnel/operator/manifests"
	"github.com/kubetunnel/kubetunnel/operator/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

type flags struct {
	image, pullPolicy string
	inherit           []string
	logLevel          string
	health, metrics   string
	namespace         string
	watched           []string
	elect, standby    bool
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:           "tunnel-operator",
		Short:         "switches Services to workstations and back",
		Version:       version.Version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	p := cmd.PersistentFlags()
	p.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	p.StringSliceVar(&f.watched, "watch-namespaces", nil, "restrict the operator to these namespaces")
	s := cmd.Flags()
	s.StringVar(&f.image, "agent-image", manifests.DefaultImage(version.Version), "image of the agents")
	s.StringVar(&f.pullPolicy, "agent-image-pull-policy", string(corev1.PullIfNotPresent), "Always, IfNotPresent or Never")
	s.StringSliceVar(&f.inherit, "inherit", controller.InheritAll.Names(), "what an agent may have of an app: environment, files, identity; empty: nothing")
	s.BoolVar(&f.standby, "standby", false, "let an app's own pods stand by at a switched Service, for when it has no ready agent; needs to write EndpointSlices")
	s.StringVar(&f.health, "health-address", ":8081", "where /healthz and /readyz are served")
	s.StringVar(&f.metrics, "metrics-address", "0", "where metrics are served, by HTTPS to who may get /metrics; 0: nowhere")
	s.StringVar(&f.namespace, "namespace", v1alpha1.OperatorNamespace, "where the operator keeps its key and its lease")
	s.BoolVar(&f.elect, "leader-elect", true, "act only while holding the lease; false: no other operator may run")
	cmd.AddCommand(endCommand(&f))
	return cmd
}

func (f *flags) run(ctx context.Context) error {
	log, err := f.logger()
	if err != nil {
		return err
	}
	settings, err := f.settings()
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	config.UserAgent = "tunnel-operator/" + version.Version
	key, err := controller.LoadKey(ctx, config, f.namespace)
	if err != nil {
		return err
	}
	log.Info("operator starts", "version", version.Version, "agentImage", f.image, "key", key.Public())
	operate := func(ctx context.Context, mine mandate) error {
		return controller.Run(ctx, controller.Options{Config: config, Key: key, Log: log, Namespaces: f.watched, Settings: settings, Leading: mine.holds, Term: mine.term})
	}
	act := func(ctx context.Context) error { return operate(ctx, mandate{}) }
	if f.elect {
		candidate, err := newCandidate(config, f.namespace, log)
		if err != nil {
			return err
		}
		act = func(ctx context.Context) error { return candidate.run(ctx, operate) }
	}
	return serveBeside(ctx, config, f.health, f.metrics, act)
}

func (f *flags) settings() (controller.Settings, error) {
	switch corev1.PullPolicy(f.pullPolicy) {
	case corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		return controller.Settings{}, fmt.Errorf("--agent-image-pull-policy is %q: want Always, IfNotPresent or Never", f.pullPolicy)
	}
	inherit, err := controller.ParseInherit(f.inherit)
	if err != nil {
		return controller.Settings{}, fmt.Errorf("--inherit: %w", err)
	}
	return controller.Settings{Image: f.image, PullPolicy: corev1.PullPolicy(f.pullPolicy), Inherit: inherit, Standby: f.standby}, nil
}

// logger is where the libraries' own messages go as well.
func (f *flags) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: nameAudit})
	bridge := logr.FromSlogHandler(handler)
	ctrl.SetLogger(bridge)
	klog.SetLogger(bridge)
	return slog.New(handler), nil
}

// nameAudit gives the level of audit lines its name.
func nameAudit(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey && level == controller.LevelAudit {
		a.Value = slog.StringValue("AUDIT")
	}
	return a
}
