package chain

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

func TestPlaceIsToldByVariablesAndFiles(t *testing.T) {
	for _, row := range []struct {
		name string
		vars map[string]string
		fs   fstest.MapFS
		want place
	}{
		{name: "a laptop", fs: fstest.MapFS{"etc/hosts": {Data: []byte("127.0.0.1 localhost\n")}}, want: anywhere},
		{name: "the service's variable", vars: map[string]string{"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, want: kubernetesPod},
		{name: "the service account's mount", fs: fstest.MapFS{"var/run/secrets/kubernetes.io/serviceaccount/token": {}}, want: kubernetesPod},
		{name: "the kubelet's hosts file", fs: fstest.MapFS{"etc/hosts": {Data: []byte("# Kubernetes-managed hosts file.\n127.0.0.1 localhost\n")}}, want: kubernetesPod},
		{name: "an ECS task", vars: map[string]string{"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}, want: ecsTask},
		{name: "Fargate", vars: map[string]string{"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}, want: ecsTask},
		{name: "Lambda", vars: map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_go1.x"}, want: anywhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, findPlace(lookup(row.vars), row.fs))
		})
	}
}
