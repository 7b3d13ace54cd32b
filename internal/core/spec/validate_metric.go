package spec

import (
	"regexp"
	"time"
)

var mathID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

func (c *checker) metric(path []string, m Metric) {
	if m.Expression != "" || len(m.Metrics) > 0 {
		c.expression(path, m)
	} else {
		c.named(path, MathInput{Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions, Statistic: m.Statistic})
	}
	p := time.Duration(m.Period)
	if p != 0 && p != 10*time.Second && p != 20*time.Second && p != 30*time.Second && (p < time.Minute || p%time.Minute != 0 || p > time.Hour) {
		c.add(at(path, "period"), "use 10s, 20s, 30s or whole minutes up to 1h", "period %s is not one CloudWatch offers", m.Period)
	}
}

// named checks a metric that is read as it is.
func (c *checker) named(path []string, m MathInput) {
	if m.Namespace == "" || len(m.Namespace) > 255 {
		c.add(at(path, "namespace"), "give the CloudWatch namespace", "namespace %q is not valid", m.Namespace)
	}
	if m.Name == "" || len(m.Name) > 255 {
		c.add(at(path, "name"), "give the CloudWatch metric name", "name %q is not valid", m.Name)
	}
	if len(m.Dimensions) > 30 {
		c.add(at(path, "dimensions"), "CloudWatch allows 30", "%d dimensions are more than 30", len(m.Dimensions))
	}
	for _, name := range sortedKeys(m.Dimensions) {
		within, value := at(path, "dimensions", name), m.Dimensions[name]
		if name == "" || len(name) > 255 {
			c.add(within, "use 1 to 255 characters", "dimension name %q is not valid", name)
		}
		// One empty value makes CloudWatch refuse the read of all metrics that
		// are asked for with it.
		if value == "" || len(value) > 1024 {
			c.add(within, "use 1 to 1024 characters", "dimension value %q is not valid", value)
		}
	}
	if m.Statistic != "" && !statistic.MatchString(m.Statistic) {
		c.add(at(path, "statistic"), "use Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99", "statistic %q is not known", m.Statistic)
	}
}

// expression checks metric math: CloudWatch computes it, so only its form is
// looked at here.
func (c *checker) expression(path []string, m Metric) {
	if m.Expression == "" || len(m.Expression) > 1024 {
		c.add(at(path, "expression"), "write CloudWatch metric math over the ids of metrics, 1 to 1024 characters", "expression has %d characters", len(m.Expression))
	}
	if m.Namespace != "" || m.Name != "" || m.Statistic != "" || len(m.Dimensions) > 0 {
		c.add(path, "put them into metrics, each under an id", "expression takes the place of namespace, name, dimensions and statistic")
	}
	if n := len(m.Metrics); n == 0 || n > MaxInputs {
		c.add(at(path, "metrics"), "name 1 to 10 metrics by an id", "%d metrics are not between 1 and %d", n, MaxInputs)
	}
	for _, id := range sortedKeys(m.Metrics) {
		within := at(path, "metrics", id)
		if !mathID.MatchString(id) {
			c.add(within, "begin it with a lower-case letter, then letters, digits and underscores", "%q is no id of metric math", id)
		}
		c.named(within, m.Metrics[id])
	}
}
