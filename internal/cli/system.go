package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/term"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
)

// System is the environment of a real process. The version is stamped by the
// build; without one the module's own is told.
func System(version string) Env {
	if version == "" {
		version = "unknown"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
			version = info.Main.Version
		}
	}
	return Env{
		Version: version,
		Stdin:   os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal:    term.IsTerminal(int(os.Stdout.Fd())),
		Interactive: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
		Getenv:      os.Getenv, ReadFile: os.ReadFile, Now: time.Now, Person: person,
		Ledger: openLedger, Eyes: openEyes, Demo: playDemo, Bed: systemBed{os.Getenv},
	}
}

// person gives user@host. The user is the process's own: USER is not set in
// every container and every CI.
func person() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("find the user: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the host's name: %w", err)
	}
	return u.Username + "@" + host, nil
}

// credentialsWithin bounds the search for credentials: without any it ends at
// the metadata service of an EC2 instance, which a laptop does not have.
const credentialsWithin = 5 * time.Second

// The faults of an AWS configuration that a person can mend.
var (
	errNoRegion      = errors.New("no AWS region is set: export AWS_REGION, or set AWS_PROFILE to a profile with a region")
	errNoCredentials = errors.New("no AWS credentials were found: run aws configure or aws sso login, or set AWS_PROFILE")
)

// openLedger opens the DynamoDB ledger with the AWS configuration of the
// environment.
func openLedger(ctx context.Context, o LedgerOptions) (Ledger, error) {
	cfg, err := configuration(ctx)
	if err != nil {
		return nil, err
	}
	return ledgerAt(cfg, o), nil
}

// openEyes opens what sees the world with the AWS configuration of the environment.
func openEyes(ctx context.Context, o LedgerOptions) (Eyes, error) {
	cfg, err := configuration(ctx)
	if err != nil {
		return nil, err
	}
	return newEyes(ledgerAt(cfg, o), cfg, cfg), nil
}

func ledgerAt(cfg aws.Config, o LedgerOptions) *dynamoledger.Ledger {
	client := dynamodb.NewFromConfig(cfg, func(opts *dynamodb.Options) {
		if o.EndpointURL != "" {
			opts.BaseEndpoint = &o.EndpointURL
		}
	})
	return dynamoledger.New(client, o.Table)
}

// configuration loads the AWS configuration of the environment.
func configuration(ctx context.Context) (aws.Config, error) {
	// What the SDK would log on its way is said by the errors below.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return cfg, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, &coded{ExitRefused, errNoRegion}
	}
	within, cancel := context.WithTimeout(ctx, credentialsWithin)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(within); err != nil {
		return cfg, &coded{ExitRefused, fmt.Errorf("%w (%w)", errNoCredentials, err)}
	}
	return cfg, nil
}

// awsRemedy gives what to do about an answer of AWS.
func awsRemedy(err error) string {
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return "the ledger's table does not exist in this account and region: check TRIMTAB_TABLE, AWS_REGION and AWS_PROFILE"
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation":
		if op, ok := errors.AsType[*smithy.OperationError](err); ok && op.ServiceID != dynamodb.ServiceID {
			return fmt.Sprintf("your role must allow %s of %s; docs/capacity.md and docs/plan.md list what the commands read", op.OperationName, op.ServiceID)
		}
		return "your role needs Query, GetItem, PutItem, UpdateItem and DeleteItem on the ledger's table"
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException":
		return "your AWS credentials are not accepted: run aws sso login, or check AWS_PROFILE"
	}
	return ""
}
