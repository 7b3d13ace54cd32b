package sqssignal_test

import (
	"os"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }
