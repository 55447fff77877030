package imds

import (
	"net/http"
	"strings"
)

// sign is what a response's header says about whose metadata service it is. Others own the same address.
type sign int

const (
	noSign sign = iota
	signEC2
	signGoogle
	signAzure
)

func signOf(h http.Header) sign {
	server := h.Get("Server")
	switch {
	case strings.EqualFold(server, "EC2ws"): // observed on EC2
		return signEC2
	case h.Get("Metadata-Flavor") == "Google": // Compute Engine documentation, "About VM metadata"
		return signGoogle
	case strings.HasPrefix(server, "IMDS/"): // observed on Azure
		return signAzure
	}
	return noSign
}

func (s sign) foreign() bool { return s == signGoogle || s == signAzure }

func (s sign) String() string {
	switch s {
	case signEC2:
		return "EC2"
	case signGoogle:
		return "Google Cloud"
	case signAzure:
		return "Azure"
	}
	return "unknown"
}
