package chain

import (
	"io/fs"
	"strings"

	"example.com/podrole/internal/env"
)

// place is where the process runs, as far as it bears on whose the EC2 instance's role is. Its value names the place in a text.
type place string

const (
	anywhere      place = ""
	kubernetesPod place = "Kubernetes pod"
	ecsTask       place = "ECS task"
)

// findPlace looks for the marks of a pod and of a task. Kubernetes injects KUBERNETES_SERVICE_HOST into every container, mounts the
// service account unless told not to, and writes the hosts file of pods that are not on the host's network. The ECS agent sets the
// metadata variables (Amazon ECS developer guide, "Task metadata endpoint").
func findPlace(lookup env.Lookup, root fs.FS) place {
	if lookup.Get("KUBERNETES_SERVICE_HOST") != "" {
		return kubernetesPod
	}
	if _, err := fs.Stat(root, "var/run/secrets/kubernetes.io/serviceaccount"); err == nil {
		return kubernetesPod
	}
	if hosts, err := fs.ReadFile(root, "etc/hosts"); err == nil && strings.HasPrefix(string(hosts), "# Kubernetes-managed hosts file") {
		return kubernetesPod
	}
	if name, _ := lookup.First("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"); name != "" || strings.HasPrefix(lookup.Get("AWS_EXECUTION_ENV"), "AWS_ECS_") {
		return ecsTask
	}
	return anywhere
}

// nothingInjected says why a workload in this place may have no identity of its own.
func (p place) nothingInjected() string {
	if p == ecsTask {
		return "no task role was given to this task: set taskRoleArn in its task definition"
	}
	return "no identity was injected into this pod: the EKS webhook missed it, or its service account has neither an eks.amazonaws.com/role-arn annotation nor a Pod Identity association; mend that and recreate the pod"
}
