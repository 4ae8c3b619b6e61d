package httpapi

import (
	"testing"

	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
