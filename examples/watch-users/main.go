// SPDX-License-Identifier: Apache-2.0

// Command watch-users is an application that follows the users of a namespace: it prints a
// line for each user whom it may let in, and for each whom it no longer may. Of the
// operator it imports the kinds alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"scim-operator.io/api/v1alpha1"
)

func main() {
	namespace := flag.String("namespace", "acme", "the tenant whose users are followed")
	flag.Parse()
	if err := follow(*namespace); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func follow(namespace string) error {
	users, err := usersClient()
	if err != nil {
		return err
	}
	source := cache.NewListWatchFromClient(users, "scimusers", namespace, fields.Everything())
	informer := cache.NewSharedInformer(source, &v1alpha1.ScimUser{}, 0)
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    show,
		UpdateFunc: func(_, now any) { show(now) },
		DeleteFunc: gone,
	})
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	stop := make(chan struct{})
	go func() { <-interrupted; close(stop) }()
	informer.Run(stop)
	return nil
}

// show prints what the operator has made of a user.
func show(o any) {
	user := o.(*v1alpha1.ScimUser)
	if !meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionActive) {
		fmt.Printf("%s (%s) may not sign in\n", user.Spec.UserName, user.Name)
		return
	}
	fmt.Printf("%s (%s) may sign in as %s with the roles %v\n", user.Spec.UserName, user.Name, user.Status.UserType, user.Status.Roles)
}

// gone prints who does not exist any more. The informer may have missed the deletion itself.
func gone(last any) {
	if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(last); err == nil {
		fmt.Printf("%s does not exist any more\n", key)
	}
}

// usersClient is a client of the API group, with the configuration of kubectl or of a pod.
func usersClient() (*rest.RESTClient, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(config)
}
