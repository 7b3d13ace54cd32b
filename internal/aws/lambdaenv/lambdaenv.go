// Package lambdaenv gives the AWS configuration that Lambda puts into a function's environment:
// region, credentials, endpoints.
//
// The SDK's own loader (module config) also reads shared files, asks the container and the instance
// for credentials, and signs people in, for which it links four more clients. A function has no use
// for any of it, and its users wait for them at every cold start: they are 1.7 MB of 16.
package lambdaenv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Load gives the configuration. The credentials are read at every signature, since whoever runs the
// function (the local bed, a test) may renew them. Lambda itself sets all that is asked for here; an
// error names what is missing.
func Load(getenv func(string) string) (aws.Config, error) {
	region := getenv("AWS_REGION")
	var errs []error
	if region == "" {
		errs = append(errs, errors.New("AWS_REGION is empty: Lambda sets it; elsewhere set it to the region, as eu-west-1"))
	}
	keys := credentials(getenv)
	if _, err := keys.Retrieve(context.Background()); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{Region: region, Credentials: keys, ConfigSources: []any{source(getenv)}}
	ignored, _, err := source(getenv).flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if all := getenv("AWS_ENDPOINT_URL"); all != "" && !ignored {
		cfg.BaseEndpoint = aws.String(all)
	}
	return cfg, err
}

func credentials(getenv func(string) string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
			Source: "environment",
		}
		if !c.HasKeys() {
			return aws.Credentials{}, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is empty: Lambda sets them from the function's role")
		}
		return c, nil
	})
}

// source answers the clients' questions about the environment. A client asks for its endpoint by its
// id, as "DynamoDB" or "Auto Scaling".
type source func(string) string

// GetServiceBaseEndpoint gives the service's own endpoint, as AWS_ENDPOINT_URL_AUTO_SCALING.
func (s source) GetServiceBaseEndpoint(_ context.Context, id string) (url string, found bool, err error) {
	url = s("AWS_ENDPOINT_URL_" + strings.ReplaceAll(strings.ToUpper(id), " ", "_"))
	return url, url != "", nil
}

// GetIgnoreConfiguredEndpoints tells whether the endpoints of the environment do not count.
func (s source) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return s.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
}

// GetUseFIPSEndpoint tells whether the endpoints must be FIPS ones, as in GovCloud.
func (s source) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	on, found, err := s.flag("AWS_USE_FIPS_ENDPOINT")
	if on {
		return aws.FIPSEndpointStateEnabled, found, err
	}
	return aws.FIPSEndpointStateDisabled, found, err
}

// GetUseDualStackEndpoint tells whether the endpoints must answer on IPv6 too.
func (s source) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	on, found, err := s.flag("AWS_USE_DUALSTACK_ENDPOINT")
	if on {
		return aws.DualStackEndpointStateEnabled, found, err
	}
	return aws.DualStackEndpointStateDisabled, found, err
}

func (s source) flag(name string) (value, found bool, err error) {
	switch v := s(name); strings.ToLower(v) {
	case "":
		return false, false, nil
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	default:
		return false, false, fmt.Errorf("read %s: %q is neither true nor false", name, v)
	}
}
