package lambdaenv_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/trimtab-ecs/trimtab/internal/aws/lambdaenv"
)

func env(more map[string]string) func(string) string {
	all := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
	maps.Copy(all, more)
	return func(name string) string { return all[name] }
}

func TestLoad(t *testing.T) {
	cfg, err := lambdaenv.Load(env(nil))
	if err != nil || cfg.Region != "eu-west-1" {
		t.Fatalf("got region %q, %v", cfg.Region, err)
	}
	c, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "AK" || c.SecretAccessKey != "secret" || c.SessionToken != "token" || c.CanExpire {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestLoadNamesAllThatIsMissing(t *testing.T) {
	_, err := lambdaenv.Load(env(map[string]string{"AWS_REGION": "", "AWS_SECRET_ACCESS_KEY": ""}))
	if err == nil || !strings.Contains(err.Error(), "AWS_REGION") || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY") {
		t.Errorf("got %v, want both to be named", err)
	}
}

// A real client takes its endpoint from the configuration. The variables are also
// set for real, since the clients look at them beside the configuration.
func TestEndpoints(t *testing.T) {
	for _, tt := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"none", nil, ""},
		{"for all services", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"},
		{"the service's own goes first", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ECS": "http://127.0.0.1:2"}, "http://127.0.0.1:2"},
		{"of another service", map[string]string{"AWS_ENDPOINT_URL_AUTO_SCALING": "http://127.0.0.1:3"}, ""},
		{"ignored", map[string]string{"AWS_ENDPOINT_URL_ECS": "http://127.0.0.1:2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for k, v := range tt.vars {
				t.Setenv(k, v)
			}
			cfg, err := lambdaenv.Load(env(tt.vars))
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(ecs.NewFromConfig(cfg).Options().BaseEndpoint); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFIPSAndDualStack(t *testing.T) {
	cfg, err := lambdaenv.Load(env(map[string]string{"AWS_USE_FIPS_ENDPOINT": "TRUE", "AWS_USE_DUALSTACK_ENDPOINT": "false"}))
	if err != nil {
		t.Fatal(err)
	}
	o := ecs.NewFromConfig(cfg).Options().EndpointOptions
	if o.UseFIPSEndpoint != aws.FIPSEndpointStateEnabled || o.UseDualStackEndpoint != aws.DualStackEndpointStateDisabled {
		t.Errorf("got %v and %v", o.UseFIPSEndpoint, o.UseDualStackEndpoint)
	}
}
