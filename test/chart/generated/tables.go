package generated

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// valuesTable has a line for each value, with its default and the comment above it.
func valuesTable(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Content) != 1 {
		return "", fmt.Errorf("%s: want one document", path)
	}
	var out strings.Builder
	out.WriteString("| value | default | what it is |\n| --- | --- | --- |\n")
	if err := valueLines(&out, document.Content[0], "", ""); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return out.String(), nil
}

func valueLines(out *strings.Builder, of *yaml.Node, prefix, inherited string) error {
	for i := 0; i+1 < len(of.Content); i += 2 {
		key, value := of.Content[i], of.Content[i+1]
		name, comment := prefix+key.Value, comment(key.HeadComment)
		if comment == "" {
			comment = inherited
		}
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 && !leaf(name) {
			if err := valueLines(out, value, name+".", comment); err != nil {
				return err
			}
			continue
		}
		if comment == "" {
			return fmt.Errorf("value %s has no comment", name)
		}
		var v any
		if err := value.Decode(&v); err != nil {
			return fmt.Errorf("value %s: %w", name, err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("value %s: %w", name, err)
		}
		fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", name, text, comment)
	}
	return nil
}

// leaf: a mapping that Kubernetes defines is told as a whole.
func leaf(name string) bool { return name == "resources" }

// comment is a comment's text in one line.
func comment(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		words = append(words, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
	}
	return strings.ReplaceAll(strings.Join(words, " "), "|", "\\|")
}

// Rule is a rule of rights with its reason.
type Rule struct {
	Reason                                     string
	APIGroups, Resources, ResourceNames, Verbs []string
}

// rightsFiles are who has which rights, in the README's order.
var rightsFiles = []struct{ name, title string }{
	{"operator", "The operator, in all namespaces, or in those of `watchNamespaces`"},
	{"operator-standby", "The operator, where it has these, with `standby`"},
	{"operator-cluster", "The operator, in the cluster"},
	{"operator-metrics", "The operator, in the cluster, with `metrics.enabled`"},
	{"operator-home", "The operator, in its own namespace"},
	{"uninstall", "The hook of an uninstallation, while it runs, where the operator may act"},
	{"developer", "A developer, where it was granted, beside `intercept` and `inherit` on `services.kubetunnel.dev`"},
}

func rightsTables(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return "", err
	}
	if len(found) != len(rightsFiles) {
		return "", errors.New("a file of rights is in no table")
	}
	var out strings.Builder
	for _, file := range rightsFiles {
		rules, err := Rules(filepath.Join(dir, file.name+".yaml"))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "\n%s:\n\n| may | on | why |\n| --- | --- | --- |\n", file.title)
		for _, r := range rules {
			fmt.Fprintf(&out, "| %s | %s | %s |\n", strings.Join(r.Verbs, ", "), r.on(), r.Reason)
		}
	}
	return out.String() + "\n", nil
}

// on names the objects of a rule.
func (r Rule) on() string {
	group := ""
	for _, g := range r.APIGroups {
		if g != "" && len(r.APIGroups) == 1 {
			group = "." + g
		}
	}
	var names []string
	for _, resource := range r.Resources {
		plain, sub, _ := strings.Cut(resource, "/")
		if sub != "" {
			sub = "/" + sub
		}
		names = append(names, "`"+plain+group+sub+"`")
	}
	text := strings.Join(names, ", ")
	if len(r.ResourceNames) > 0 {
		text += " named `" + strings.Join(r.ResourceNames, "`, `") + "`"
	}
	return text
}

// Rules reads rules; one without a comment has the reason of the one before.
func Rules(path string) ([]Rule, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var rules []Rule
	reason := ""
	for i, node := range document.Content[0].Content {
		var r struct {
			APIGroups     []string `yaml:"apiGroups"`
			Resources     []string `yaml:"resources"`
			ResourceNames []string `yaml:"resourceNames"`
			Verbs         []string `yaml:"verbs"`
		}
		if err := node.Decode(&r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		head := node.HeadComment
		if i == 0 && head == "" {
			head = document.Content[0].HeadComment
		}
		if i == 0 && head == "" {
			head = document.HeadComment
		}
		if head != "" {
			reason = comment(head)
		}
		if reason == "" {
			return nil, fmt.Errorf("%s: rule %d has no reason", path, i+1)
		}
		rules = append(rules, Rule{Reason: reason, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames, Verbs: r.Verbs})
	}
	return rules, nil
}
