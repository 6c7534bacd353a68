"""``lightning {fit,validate,test,predict}`` with this library's manners."""
