package spec

import (
	"strings"
	"time"
)

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
		c.add(at(path, "statistic"), statisticRemedy(m.Statistic)+"se Average, Sum, SampleCount, Minimum, Maximum or a percentile such as p99", "statistic %q is not known", m.Statistic)
	}
}

// statistics are CloudWatch's, by what people write for them.
var statistics = map[string]string{
	"avg": "Average", "mean": "Average", "average": "Average", "sum": "Sum", "total": "Sum", "count": "SampleCount", "samplecount": "SampleCount",
	"min": "Minimum", "minimum": "Minimum", "max": "Maximum", "maximum": "Maximum", "median": "p50",
}

// statisticRemedy begins a remedy with the statistic that was meant, if it is known.
func statisticRemedy(name string) string {
	if near := statistics[strings.ToLower(name)]; near != "" {
		return "did you mean " + near + "? U"
	}
	return "u"
}
